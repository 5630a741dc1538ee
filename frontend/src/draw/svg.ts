/** Writing SVG: elements as text, numbers short, every character that means something to XML escaped. */

/** What stands in a frame of its own, in CSS pixels from its left upper corner. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly body: string;
}

type Attributes = Readonly<Record<string, string | number | undefined>>;

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
export const escape = (text: string): string => text.replace(/[&<>"]/g, (sign) => ESCAPES[sign]!);

/** A hundredth of a pixel is more than anyone sees. */
export const short = (value: number): string => String(Math.round(value * 100) / 100);

/** An element: tag("text", { x: 3 }, escape("a < b")). Attributes without a value are left out. */
export function tag(name: string, attributes: Attributes, ...inside: readonly string[]): string {
  const told = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : ` ${key}="${typeof value === "number" ? short(value) : escape(value)}"`,
  );
  return inside.length ? `<${name}${told.join("")}>${inside.join("")}</${name}>` : `<${name}${told.join("")}/>`;
}

export const say = (text: string, attributes: Attributes): string => tag("text", attributes, escape(text));

/** About as wide as the longest of some names, in letters. */
export const room = (names: readonly string[]): number => 1 + 0.6 * Math.max(...names.map((name) => name.length));

/** The path through points. */
export function through(points: readonly (readonly [number, number])[]): string {
  return points.map(([x, y], i) => `${i ? "L" : "M"}${short(x)} ${short(y)}`).join("");
}
