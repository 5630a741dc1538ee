/** A table of coloured cells with a name at each row and above each column, as SVG. */

import { escape, room, say, tag, type Drawing } from "./svg";

export interface Square {
  readonly text: string;
  readonly fill: string;
  /** All that it stands for, in words. */
  readonly told: string;
}

/** Draw a square table; `em` is the size of a letter. */
export function draw(names: readonly string[], rows: readonly (readonly Square[])[], em: number, ink: string): Drawing {
  const side = names.length > 12 ? em : 2.2 * em;
  const edge = room(names) * em;
  const width = edge + names.length * side;
  const above = (name: string, i: number): string =>
    say(name, { transform: `translate(${edge + (i + 0.5) * side + 0.3 * em} ${edge - 0.5 * em}) rotate(-90)`, fill: ink });
  const beside = (name: string, i: number): string =>
    say(name, { x: edge - 0.5 * em, y: edge + (i + 0.5) * side + 0.3 * em, "text-anchor": "end", fill: ink });
  const cell = ({ text, fill, told }: Square, i: number, j: number): string => {
    const [x, y] = [edge + j * side, edge + i * side];
    return tag("g", {}, tag("title", {}, escape(told)), tag("rect", { x: x + 0.5, y: y + 0.5, width: side - 1, height: side - 1, fill }),
      ...(text ? [say(text, { x: x + side / 2, y: y + side / 2 + 0.28 * em, "text-anchor": "middle", "font-size": 0.75 * em, fill: ink })] : []));
  };
  return {
    width, height: width,
    body: tag("g", { "font-size": 0.85 * em }, ...names.map(above), ...names.map(beside), ...rows.map((row, i) => row.map((square, j) => cell(square, i, j)).join(""))),
  };
}
