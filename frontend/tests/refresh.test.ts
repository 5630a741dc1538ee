import { expect, it } from "vitest";
import { usual } from "../src/refresh";

const start = { device: "cpu", num_threads: 8 };

it("is ten a second where a core is left for drawing, and four where none is", () => {
  expect(usual(start, "127.0.0.1", 16)).toBe(10);
  expect(usual(start, "127.0.0.1", 8)).toBe(4);
  expect(usual(start, "localhost", 4)).toBe(4);
  expect(usual(start, "[::1]", 8)).toBe(4);
});

it("is ten a second where training and drawing do not share cores, or nobody knows", () => {
  expect(usual(start, "lab.example.org", 8)).toBe(10);
  expect(usual(start, "127.0.0.1.example.org", 8)).toBe(10);
  expect(usual({ ...start, device: "cuda:0" }, "127.0.0.1", 8)).toBe(10);
  expect(usual({ device: "cpu" }, "127.0.0.1", 8)).toBe(10);
  expect(usual(null, "127.0.0.1", 8)).toBe(10);
});
