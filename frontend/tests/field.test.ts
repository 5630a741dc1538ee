import { expect, it } from "vitest";
import { seenBy, type Area } from "../src/field";
import type { LayerSpec } from "../src/protocol";

// The lecture's network: three times convolution 5x5 with padding 2, activation, pooling 2x2; then a dense layer.
const block: LayerSpec[] = [{ kind: "convolution", size: 5, padding: 2 }, { kind: "relu" }, { kind: "pooling", size: 2 }];
const lecture: LayerSpec[] = [...block, ...block, ...block, { kind: "dense", units: 10 }];
const cell = (row: number, column: number, channel = 3): Area => ({ top: row, bottom: row, left: column, right: column, channel });
const size = (area: Area | "all" | undefined): number => (area === "all" || !area ? -1 : area.bottom - area.top + 1);

it("sees as many pixels as the table of the network says", () => {
  // conv1 5x5, pool1 6x6, conv2 14x14, pool2 16x16
  expect([0, 2, 3, 5].map((layer) => size(seenBy(lecture, layer, cell(4, 4)).get(-1)))).toEqual([5, 6, 14, 16]);
});

it("sees the window around its own place, padding outside the image", () => {
  expect(seenBy(lecture, 0, cell(0, 7)).get(-1)).toEqual({ top: -2, bottom: 2, left: 5, right: 9, channel: null });
});

it("keeps to its own channel until a convolution mixes them", () => {
  const seen = seenBy(lecture, 2, cell(4, 4)) as Map<number, Area>;
  expect(seen.get(1)?.channel).toBe(3);
  expect(seen.get(0)?.channel).toBe(3);
  expect(seen.get(-1)?.channel).toBeNull();
});

it("sees everything from a dense layer on, and says nothing where a block is not known", () => {
  expect(seenBy(lecture, 9, cell(0, 0)).get(-1)).toBe("all");
  const seen = seenBy([{ kind: "convolution", size: 3 }, { kind: "residual" }, { kind: "relu" }], 2, cell(0, 0));
  expect([...seen.keys()]).toEqual([1]);
});

it("takes stride, dilation and one padding for each side", () => {
  const layers: LayerSpec[] = [{ kind: "convolution", size: [3, 1], stride: [2, 1], padding: "same", dilation: [2, 1] }];
  expect(seenBy(layers, 0, cell(3, 3)).get(-1)).toEqual({ top: 4, bottom: 8, left: 3, right: 3, channel: null });
});
