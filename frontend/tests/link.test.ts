import { expect, it } from "vitest";
import { defaults, read, write, type Lesson } from "../src/link";

const plain = defaults(["fr", "es-ES", "en"], false);

it("takes the browser's first language that the page speaks", () => {
  expect(plain.language).toBe("es");
  expect(defaults(["de"], true)).toMatchObject({ language: "en", theme: "dark" });
});

it("opens what it wrote", () => {
  const lesson: Lesson = {
    ...plain, view: "runs", run: "default-20261125-001", language: "en", theme: "dark", lecture: true, scale: "common", shows: ["activation", "weight"],
    folds: ["relu1", "block1.conv2"], example: 42, step: 1024, size: 4, colour: false, refresh: 4,
  };
  expect(read(write(lesson, plain), plain)).toEqual(lesson);
  expect(read(write(plain, plain), plain)).toEqual(plain);
  expect(write({ ...plain, shows: [] }, plain)).toContain("show=");
  expect(read(write({ ...plain, shows: [] }, plain), plain).shows).toEqual([]);
});

it("keeps what is as by default out of the address", () => expect(write(plain, plain)).toBe("?lang=es"));

it("takes nothing wrong from an address", () => {
  expect(read("?lang=xx&theme=pink&size=9&refresh=3&example=-1&step=abc&show=activation,evil&view=admin&run=../../etc", plain)).toEqual({ ...plain, shows: ["activation"] });
});
