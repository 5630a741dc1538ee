import { expect, it } from "vitest";
import { en } from "../src/words/en";
import { es } from "../src/words/es";
import { SAID, say, spanish } from "../src/words/said";

type Tree = { readonly [name: string]: Tree | string | ((...values: never[]) => string) };

function leaves(tree: Tree, path = ""): [string, unknown][] {
  return Object.entries(tree).flatMap(([name, value]) => (typeof value === "object" ? leaves(value, `${path}${name}.`) : [[path + name, value] as [string, unknown]]));
}

it("says every line in both languages, and none is empty", () => {
  const spanish = new Map(leaves(es as unknown as Tree));
  for (const [path, line] of leaves(en as unknown as Tree)) {
    expect(spanish.has(path), path).toBe(true);
    if (typeof line === "string") expect(line.length, path).toBeGreaterThan(0);
  }
});

it("ends explanations with a full stop in both", () => {
  for (const words of [en, es]) for (const [name, line] of Object.entries(words.terms)) expect(line, name).toMatch(/[.]$/);
});

it("does not leave English behind in Spanish", () => {
  const own = new Map(leaves(en as unknown as Tree));
  const same = leaves(es as unknown as Tree).filter(([path, line]) => typeof line === "string" && line.length > 12 && own.get(path) === line).map(([path]) => path);
  expect(same).toEqual(["controls.snapshotConvnetjs"]);
});

it("calls a run's states as the page does, in whatever the server says of them", () => {
  for (const [state, word] of Object.entries(es.states)) if (state !== "resting") expect(spanish(state), state).toBe(word);
});

it("says each of the server's sentences once, and marks what nobody has translated", () => {
  expect(new Set(SAID.map(([english]) => english)).size).toBe(SAID.length);
  expect(say("the nearest one is 1,024.5", "es")).toEqual({ text: "el más cercano es 1024,5", lang: undefined });
  expect(say("the nearest one is 1,024.5", "en")).toEqual({ text: "the nearest one is 1,024.5", lang: undefined });
  expect(say("something new", "es")).toEqual({ text: "something new", lang: "en" });
});
