import { expect, it } from "vitest";
import { augments, classifies } from "../src/experiment";

it("tells classes apart unless it gives numbers or characters", () => {
  expect(classifies({ name: "digits", network: { loss: { kind: "softmax" } } })).toBe(true);
  expect(classifies({ name: "names", network: { input: { kind: "series" }, loss: { kind: "softmax" } } })).toBe(true);
  expect(classifies({ name: "edges", network: { loss: { kind: "regression" } } })).toBe(false);
  expect(classifies({ name: "text", network: { input: { kind: "tokens" }, loss: { kind: "softmax" } } })).toBe(false);
  expect(classifies({ name: "a script's model" })).toBe(false);
});

it("varies images where it says one of the ways", () => {
  expect(augments({ name: "plain" })).toBe(false);
  expect(augments({ name: "plain", augmentation: { flip: "none", shift: 0 } })).toBe(false);
  expect(augments({ name: "flips", augmentation: { flip: "horizontal" } })).toBe(true);
  expect(augments({ name: "shifts", augmentation: { flip: "none", shift: 2 } })).toBe(true);
});
