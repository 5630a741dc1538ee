/** The layers of a network as the page knows them: a line of the table, with its place in the module tree and its specification. */

import type { Hello, LayerSpec, Row } from "./protocol";

/** A layer with its name in the module tree and, where known, its specification. */
export interface LabLayer {
  readonly row: Row;
  readonly path: string;
  readonly shape: readonly number[];
  readonly spec: LayerSpec | null;
  /** Which of the network's own layers it is; -1 for the input and for layers inside a block. */
  readonly index: number;
}

const sizes = (text: string): number[] => (/^\d+(x\d+)*$/.test(text) ? text.split("x").map(Number) : []);

/** Join the table's rows with the experiment's layers. */
export function arrange(hello: Hello | null): LabLayer[] {
  if (!hello) return [];
  const specs = hello.experiment?.network?.layers ?? [];
  const parents: string[] = [];
  return hello.rows.map((row) => {
    parents.length = row.depth;
    const path = [...parents, row.name].join(".");
    parents.push(row.name);
    const index = row.depth === 0 ? row.number - 1 : -1;
    return { row, path, shape: sizes(row.output), spec: index >= 0 ? (specs[index] ?? null) : null, index };
  });
}
