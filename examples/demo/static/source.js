// Python, coloured with one expression: enough for handlers, and no more.

import { element } from "./wire.js";

const TOKENS = new RegExp(
  [
    /(?<comment>#.*)/,
    /(?<string>f?"(?:[^"\\\n]|\\.)*"|f?'(?:[^'\\\n]|\\.)*')/,
    /(?<keyword>\b(?:async|await|break|case|class|def|del|else|except|finally|for|from|if|import|in|match|not|pass|raise|return|try|while|with|True|False|None)\b)/,
    /(?<type>\b[A-Z]\w*)/,
    /(?<number>\b\d+\b)/,
  ]
    .map((part) => part.source)
    .join("|"),
  "g",
);

export function coloured(code) {
  const result = document.createDocumentFragment();
  let end = 0;
  for (const match of code.matchAll(TOKENS)) {
    result.append(code.slice(end, match.index));
    const [kind] = Object.entries(match.groups).find(([, text]) => text !== undefined);
    result.append(element("span", kind, match[0]));
    end = match.index + match[0].length;
  }
  result.append(code.slice(end));
  return result;
}

const known = new Map();

export async function sourceOf(name) {
  if (!known.has(name)) {
    const answer = await fetch(`/source/${name}`);
    if (!answer.ok) throw new Error(`the source of ${name} answered ${answer.status}`);
    known.set(name, await answer.text());
  }
  return known.get(name);
}
