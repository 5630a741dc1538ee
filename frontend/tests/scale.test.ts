import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Magnitudes, steady } from "../src/draw/range";
import { CATEGORIES, colour, level, LEVELS, PALETTES, rgb, ZERO, type Theme } from "../src/scale";

const THEMES: Theme[] = ["light", "dark"];

/** Lightness in OKLab of a colour given in bytes. Source: B. Ottosson, bottosson.github.io/posts/oklab. */
function lightness([r, g, b]: [number, number, number]): number {
  const [lr, lg, lb] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4)) as [number, number, number];
  const long = Math.cbrt(0.4122214708 * lr + 0.5363325363 * lg + 0.0514459929 * lb);
  const medium = Math.cbrt(0.2119034982 * lr + 0.6806995451 * lg + 0.1073969566 * lb);
  const short = Math.cbrt(0.0883024619 * lr + 0.2817188376 * lg + 0.6299787005 * lb);
  return 0.2104542553 * long + 0.793617785 * medium - 0.0040720468 * short;
}

describe.each(THEMES)("the signed scale in %s", (theme) => {
  it("goes in equal steps of lightness from zero to both ends", () => {
    for (const sign of [-1, 1]) {
      const steps = Array.from({ length: 11 }, (_, i) => lightness(colour((sign * i) / 10, theme)));
      const width = (steps[10]! - steps[0]!) / 10;
      steps.slice(1).forEach((value, i) => expect(Math.abs(value - steps[i]! - width)).toBeLessThan(0.012));
    }
  });

  it("has the neutral in its middle and three colours that nobody confuses", () => {
    expect(colour(0, theme)).toEqual(rgb(ZERO[theme]));
    const [red, , blue] = colour(-1, theme);
    expect(blue).toBeGreaterThan(red + 60);
    const [warm, , cold] = colour(1, theme);
    expect(warm).toBeGreaterThan(cold + 60);
  });

  it("gives the palette the same colours", () => {
    const bytes = new Uint8Array(PALETTES[theme].buffer);
    for (const i of [0, 100, LEVELS, 400, 2 * LEVELS]) expect([...bytes.slice(4 * i, 4 * i + 4)]).toEqual([...colour((i - LEVELS) / LEVELS, theme), 255]);
  });
});

it("leaves nothing but zero without a colour", () => {
  expect(level(0, 1)).toBe(LEVELS);
  expect(level(1e-9, 1)).toBe(LEVELS + 1);
  expect(level(-1e-9, 1)).toBe(LEVELS - 1);
  expect(level(5, 1)).toBe(2 * LEVELS);
  expect(level(NaN, 1)).toBe(LEVELS);
});

describe("the range of a picture", () => {
  const halves = (bits: number[]): { shape: number[]; dtype: "f2"; data: Uint16Array } => ({ shape: [bits.length], dtype: "f2", data: Uint16Array.from(bits) });

  it("is the same from halves and from floats", () => {
    // 0.5 ... as halves: 0x3800 = 0.5, 0x3c00 = 1, 0x4000 = 2, 0xc200 = -3
    const a = new Magnitudes();
    a.add(halves([0x3800, 0x3c00, 0x4000, 0xc200, 0]), 4);
    const b = new Magnitudes();
    b.add({ shape: [5], dtype: "f4", data: Float32Array.from([2, 4, 8, -12, 0]) }, 1);
    expect([...a.counts]).toEqual([...b.counts]);
    expect(a.largest).toBe(12);
    expect(a.beyond(8)).toBeCloseTo(b.beyond(8));
  });

  it("leaves outliers out and says how many there are", () => {
    const m = new Magnitudes();
    m.add({ shape: [1000], dtype: "f4", data: Float32Array.from({ length: 1000 }, (_, i) => (i === 0 ? 1000 : 1)) }, 1);
    const range = m.below(0.002);
    expect(range).toBeGreaterThanOrEqual(1);
    expect(range).toBeLessThan(1.2);
    expect(m.beyond(range)).toBe(0.001);
    expect(m.beyond(1000)).toBe(0);
  });

  it("of nothing is harmless", () => {
    const m = new Magnitudes();
    m.add({ shape: [2], dtype: "f4", data: Float32Array.from([0, NaN]) }, 1);
    expect(m.below(0.01)).toBe(0);
    expect(steady(0)).toBe(1);
  });

  it("goes up in ten steps a decade, never below what it was given", () => {
    for (let value = 1e-6; value < 1e6; value *= 1.07) {
      const range = steady(value);
      expect(range).toBeGreaterThanOrEqual(value * 0.999);
      expect(range / value).toBeLessThan(1.3);
      expect(steady(range)).toBe(range);
    }
  });
});

/** Contrast after WCAG 2.2, 1.4.11: what carries meaning in a chart stands out from its ground by 3 to 1. */
describe.each(THEMES)("lines of curves in %s", (theme) => {
  const sheet = readFileSync(new URL("../src/style/page.css", import.meta.url), "utf8");
  const [light, dark] = [sheet.slice(0, sheet.indexOf("[data-theme=\"dark\"]")), sheet.slice(sheet.indexOf("[data-theme=\"dark\"]"))];
  const bytes = (text: string): [number, number, number] => {
    const tone = /^oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)$/.exec(text);
    return tone ? rgb({ lightness: Number(tone[1]), chroma: Number(tone[2]), hue: Number(tone[3]) })
      : [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16)) as [number, number, number];
  };
  const token = (name: string): string => {
    const found = (text: string): string | undefined => new RegExp(`${name}: ([^;]+);`).exec(text)?.[1];
    return (theme === "dark" ? found(dark) : undefined) ?? found(light)!;
  };
  const luminance = (text: string): number => {
    const [r, g, b] = bytes(text).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4)) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };

  it.each([...CATEGORIES, "--blue", "--orange", "--kind-dense"])("%s is seen", (colour) => {
    const [low, high] = [token("--panel"), colour.startsWith("--") ? token(colour) : colour].map(luminance).sort((a, b) => a - b) as [number, number];
    expect((high + 0.05) / (low + 0.05)).toBeGreaterThanOrEqual(3);
  });
});
