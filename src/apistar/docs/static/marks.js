// What a peer wrote, as it may stand between our own words: characters that turn the text around them, or that nobody
// sees, are written out. Joiners stay, which Persian and emoji need.

// Controls, soft hyphen, marks and overrides of direction (Unicode's Bidi_Control), separators, spaces without width.
const ACTING =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** A text of several lines. */
export const visible = (text) =>
  text
    .replaceAll("\r\n", "\n")
    .replace(ACTING, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** A text as one line. */
export const visibleLine = (text) => visible(text).replaceAll("\n", "↵").replaceAll("\t", " ");
