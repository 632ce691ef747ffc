// Sizes and times as people read them.

const UTF8 = new TextEncoder();

export const bytesOf = (text) => UTF8.encode(text).length;

export function sizeText(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

export function gapText(ms) {
  if (ms < 1) return "+0";
  if (ms < 1000) return `+${Math.round(ms)} ms`;
  if (ms < 60e3) return `+${(ms / 1000).toFixed(1)} s`;
  return `+${Math.round(ms / 60e3)} min`;
}

export const timeText = (ms) => (ms / 1000).toFixed(3);

/** Time of day with milliseconds. */
export function clockText(epochMs) {
  const date = new Date(epochMs);
  const pad = (number, width = 2) => String(number).padStart(width, "0");
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`;
}

export const countText = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
