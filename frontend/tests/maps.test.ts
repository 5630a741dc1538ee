import { describe, expect, it } from "vitest";
import { cellAt, cornerOf, layOut, layOutTable, paint, rectangle, walk } from "../src/draw/maps";
import { LEVELS, PALETTES } from "../src/scale";

describe("laying panes out", () => {
  it("takes whole multiples of a pixel and rows of equal length, within the room there is", () => {
    for (const count of [1, 3, 10, 16, 20, 64]) {
      for (const side of [4, 8, 16, 32, 64]) {
        for (const available of [180, 390, 700, 1400]) {
          const l = layOut(count, side, side, available, 150, 150);
          expect(Number.isInteger(l.times)).toBe(true);
          expect(l.fullWidth <= available || l.times === 1).toBe(true);
          expect(l.fullHeight <= 150 || l.times === 1).toBe(true);
          expect(l.columns * l.rows - count).toBeLessThan(l.columns);
        }
      }
    }
  });

  it("lies kernels down: sixteen kernels over three channels are three rows", () => {
    const l = layOutTable(16, 3, 5, 5, 400, 200, 40);
    expect([l.columns, l.rows, l.down]).toEqual([16, 3, true]);
    expect(cornerOf(l, 1).x).toBe(cornerOf(l, 0).x); // the next channel of the same kernel stands below
  });

  it.each([layOut(20, 16, 16, 390, 150, 150), layOut(7, 8, 5, 390, 150, 150, 2), layOutTable(20, 16, 5, 5, 390, 260, 45), layOutTable(10, 20, 4, 4, 390, 260, 45, 1.5)])(
    "finds every cell where it was drawn",
    (l) => {
      for (const pane of [0, 1, l.count - 1]) {
        for (const [row, column] of [[0, 0], [l.height - 1, l.width - 1], [1, 2]] as const) {
          const box = rectangle(l, pane, { top: row, bottom: row, left: column, right: column });
          expect(cellAt(l, box.left + box.width / 2, box.top + box.height / 2)).toEqual({ pane, row, column });
        }
      }
      expect(cellAt(l, 0.2 / l.ratio, 0.2 / l.ratio)).toBeNull();
      expect(cellAt(l, 1e4, 3)).toBeNull();
    },
  );

  it("walks from pane to pane and stops at the edge", () => {
    const l = layOut(4, 2, 2, 1000, 60, 20);
    expect(walk(l, { pane: 0, row: 0, column: 1 }, "ArrowRight")).toEqual({ pane: 1, row: 0, column: 0 });
    expect(walk(l, { pane: 0, row: 0, column: 0 }, "ArrowLeft")).toEqual({ pane: 0, row: 0, column: 0 });
    expect(walk(l, { pane: 0, row: 0, column: 0 }, "PageDown")).toEqual({ pane: 1, row: 0, column: 0 });
    expect(walk(l, { pane: 0, row: 0, column: 0 }, "a")).toBeNull();
  });
});

it("paints each cell as a square of its colour", () => {
  const l = layOut(1, 2, 2, 100, 20, 6);
  const pixels = new Uint32Array(l.fullWidth * l.fullHeight);
  paint(pixels, l, { shape: [1, 2, 2], dtype: "f4", data: Float32Array.from([0, 1, -1, 0.5]) }, 1, 1, PALETTES.light);
  const at = (row: number, column: number): number => pixels[(l.gap + row * l.times + l.times - 1) * l.fullWidth + l.gap + column * l.times + l.times - 1]!;
  expect(at(0, 0)).toBe(PALETTES.light[LEVELS]);
  expect(at(0, 1)).toBe(PALETTES.light[2 * LEVELS]);
  expect(at(1, 0)).toBe(PALETTES.light[0]);
  expect(at(1, 1)).toBe(PALETTES.light[LEVELS + Math.round(LEVELS / 2)]);
  expect(pixels[0]).toBe(0); // the lead between the panes is not the picture's affair
});
