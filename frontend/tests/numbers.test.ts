import { expect, it } from "vitest";
import { arithmetic, count, duration, figure, large, parse, percent, setting } from "../src/numbers";

it("writes three digits as each language does", () => {
  expect([0.8321, -1.9, 0, 66.44, 1234.5].map((n) => figure(n, "en"))).toEqual(["0.832", "−1.90", "0", "66.4", "1230"]);
  expect(figure(-0.0123456, "es")).toBe("−0,0123");
  expect(figure(1.234e-5, "es")).toBe("1,23·10⁻⁵");
  expect(figure(-2.5e9, "en")).toBe("−2.5·10⁹");
  expect([null, undefined, NaN].map((n) => figure(n, "en"))).toEqual(["–", "–", "–"]);
  expect(figure(-Infinity, "en")).toBe("−∞");
});

it("never writes a lead of ten before a power", () => {
  expect(figure(9.9999e-5, "en")).toBe("1·10⁻⁴");
});

it("separates thousands by the language's own rule", () => {
  expect(count(412032, "en")).toBe("412,032");
  expect(count(412032, "es")).toBe("412.032");
  expect(large(1228800, "en")).toBe("1.23 M");
  expect(large(412, "es")).toBe("412");
  expect(percent(0.6644, "es")).toBe("66,4 %");
});

it("writes the table's arithmetic with signs instead of letters", () => {
  expect(arithmetic("16x5x5x3+16 = 1216", "en")).toBe("16×5×5×3 + 16 = 1,216");
  expect(arithmetic("16@5x5 pad 2", "es")).toBe("16@5×5 pad 2");
  expect(arithmetic("max 2x2 stride 2", "en")).toBe("max 2×2 stride 2");
});

it("reads what people type", () => {
  expect(["0.01", "0,01", "1e-3", " 5 ", "−2", ".5"].map(parse)).toEqual([0.01, 0.01, 0.001, 5, -2, 0.5]);
  for (const wrong of ["", "abc", "1..2", "0x10", "1e", "--1"]) expect(parse(wrong)).toBeNaN();
});

it("writes settings without idle zeros and optimisers by their kind", () => {
  expect([0.006, 128, 0, 1e-5].map((n) => setting(n, "en"))).toEqual(["0.006", "128", "0", "1·10⁻⁵"]);
  expect(setting({ kind: "adamw" }, "es")).toBe("adamw");
});

it("takes the unit that fits a duration", () => {
  expect(duration(42)).toEqual({ unit: "seconds", value: 42 });
  expect(duration(600)).toEqual({ unit: "minutes", value: 10 });
  expect(duration(9000)).toEqual({ unit: "hours", value: 2.5 });
});
