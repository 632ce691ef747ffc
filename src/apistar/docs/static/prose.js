// Docstrings as they read: paragraphs, lists and `code`; no markup of theirs is followed.

import { element } from "./element.js";

export function prose(text) {
  return (text ?? "")
    .trim()
    .split(/\n\s*\n/)
    .filter(Boolean)
    .map((block) => {
      const lines = block.split("\n");
      if (lines.every((line, index) => /^\s*[-*] /.test(line) || (index && /^\s{2,}/.test(line)))) {
        const items = block.split(/^\s*[-*] /m).filter((item) => item.trim());
        return element(
          "ul.points",
          {},
          items.map((item) => element("li", {}, inline(item.trim()))),
        );
      }
      return element("p", {}, inline(block));
    });
}

export function inline(text) {
  return text
    .split(/(`+[^`]+`+)/)
    .map((part) => (/^`.+`$/s.test(part) ? element("code", {}, part.replace(/^`+|`+$/g, "")) : part));
}
