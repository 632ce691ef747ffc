// Elements, made without markup: text stays text, whatever it says.

const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "selected", "open", "indeterminate"]);

/**
 * Make an element.
 *
 * @param name with classes: `"p.lead"`
 * @param options attributes; `onclick` and its like are listeners; null and false leave one out
 */
export function element(name, options = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  set(made, options);
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export function set(target, options) {
  for (const [name, value] of Object.entries(options)) {
    if (name.startsWith("on")) target.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) target[name] = value;
    else if (value === null || value === undefined || value === false) target.removeAttribute(name);
    else target.setAttribute(name, value === true ? "" : value);
  }
}

export const button = (text, onclick, options = {}) => element("button", { type: "button", onclick, ...options }, text);

let last = 0;

/** An id that no other element of the page has. */
export const unique = (name) => `${name}-${++last}`;

/** A field with its label. */
export function labelled(text, control, className = "field") {
  control.id ||= unique("field");
  return element(`div.${className}`, {}, element("label", { for: control.id }, text), control);
}

export function select(options, onchange, attributes = {}) {
  const made = element("select", { onchange, ...attributes });
  for (const [value, text] of options) made.append(element("option", { value }, text));
  return made;
}

/** Say something to whoever listens to the page instead of looking at it. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

/** Put a text on the clipboard, and say on the button whether it is there: without TLS browsers have none for a page. */
export async function copyText(text, pressed) {
  const label = pressed.textContent;
  try {
    await navigator.clipboard.writeText(text);
    pressed.textContent = "Copied";
  } catch {
    pressed.textContent = "Not allowed here";
  }
  announce(pressed.textContent);
  setTimeout(() => (pressed.textContent = label), 1500);
}

/** Tabs: one panel of several. @param panels [name, panel] in order */
export function tabs(label, panels, onchange = () => {}) {
  const list = element("div.tabs", { role: "tablist", "aria-label": label });
  const made = panels.map(([name, panel]) => {
    const tab = element("button", { type: "button", role: "tab", id: unique("tab"), onclick: () => show(name) }, name);
    set(panel, { role: "tabpanel", id: panel.id || unique("panel"), "aria-labelledby": tab.id });
    tab.setAttribute("aria-controls", panel.id);
    list.append(tab);
    return { name, tab, panel };
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const shown = made.filter(({ tab }) => !tab.hidden);
    const index = shown.findIndex(({ tab }) => tab === document.activeElement);
    const next = shown[(index + step + shown.length) % shown.length];
    show(next.name);
    next.tab.focus();
    event.preventDefault();
  });
  function show(name, silent = false) {
    for (const one of made) {
      set(one.tab, { "aria-selected": String(one.name === name), tabindex: one.name === name ? "0" : "-1" });
      one.panel.hidden = one.name !== name;
    }
    if (!silent) onchange(name);
  }
  show(panels[0][0], true);
  return { list, show, tab: (name) => made.find((one) => one.name === name).tab };
}
