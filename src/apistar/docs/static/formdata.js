// A body that is a form: fields, and files where the route takes any.

import { element, unique } from "./element.js";

const URL_ENCODED = "application/x-www-form-urlencoded";
const MULTIPART = "multipart/form-data";

/** Whether a body is a form and nothing else. */
export const isForm = (body) => body.media_types.every((type) => type === URL_ENCODED || type === MULTIPART);

export class FormBody {
  constructor(body, schemas, onchange) {
    this.media = body.media_types;
    this.controls = Object.entries(schemas.resolve(body.schema).properties ?? {}).map(([name, field]) => {
      const file = schemas.resolve(field).format === "binary";
      const control = element("input", {
        id: unique("field"),
        type: file ? "file" : "text",
        autocomplete: "off",
        oninput: onchange,
        onchange,
      });
      const label = element(
        "label",
        { for: control.id },
        name,
        " ",
        element("span.type", {}, file ? "file" : schemas.text(field)),
      );
      return { name, file, control, row: element("div.field", {}, label, control) };
    });
    this.more = element("textarea", {
      id: unique("field"),
      rows: "2",
      placeholder: "name=value, one a line",
      spellcheck: "false",
      oninput: onchange,
    });
    const rest = element(
      "div.field",
      {},
      element("label", { for: this.more.id }, this.controls.length ? "More fields" : "Fields"),
      this.more,
    );
    this.element = element(
      "fieldset.form-body",
      {},
      element("legend", {}, "Form"),
      this.controls.map(({ row }) => row),
      rest,
    );
  }

  /** Names and values; a value is a text or a file. */
  get entries() {
    const found = this.controls.flatMap(({ name, file, control }) =>
      (file ? [...control.files] : control.value === "" ? [] : [control.value]).map((value) => [name, value]),
    );
    for (const line of this.more.value.split("\n")) {
      const [name, ...value] = line.split("=");
      if (name.trim()) found.push([name.trim(), value.join("=")]);
    }
    return found;
  }

  get multipart() {
    return !this.media.includes(URL_ENCODED) || this.entries.some(([, value]) => value instanceof File);
  }

  /** What `fetch` takes; it writes the content type itself, with the boundary between the parts. */
  read() {
    if (!this.multipart) return new URLSearchParams(this.entries);
    const data = new FormData();
    for (const [name, value] of this.entries) data.append(name, value);
    return data;
  }
}
