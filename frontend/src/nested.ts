/** Numbers nested as deep as they have axes: what a record's operands hold. */

import type { Marks, Nested } from "./protocol";

/** How many axes there are: 0 for a plain number. */
export const axes = (values: Nested): number => (typeof values === "number" ? 0 : values.length ? 1 + axes(values[0]!) : 1);

/** All numbers in reading order. */
export const flat = (values: Nested): number[] => (typeof values === "number" ? [values] : values.flatMap(flat));

/** All marks in reading order; none where there are none. */
export const flatMarks = (marks: Marks | undefined): boolean[] =>
  marks === undefined ? [] : typeof marks === "boolean" ? [marks] : marks.flatMap(flatMarks);

/** The entry along the first axis, as a table of rows. */
export const slice = (values: Nested, index: number): Nested => (typeof values === "number" ? values : values[index]!);

/** Rows and columns of a table, or of a vector as one row, or of a number as one cell. */
export function table(values: Nested): number[][] {
  const depth = axes(values);
  if (depth === 0) return [[values as number]];
  if (depth === 1) return [[...(values as number[])]];
  return (values as Nested[]).map((row) => flat(row));
}

export const total = (values: Nested): number => flat(values).reduce((sum, value) => sum + value, 0);
export const largest = (values: Nested): number => flat(values).reduce((top, value) => Math.max(top, Math.abs(value)), 0);
