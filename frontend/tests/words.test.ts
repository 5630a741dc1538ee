import { expect, it } from "vitest";
import { en } from "../src/words/en";
import { es } from "../src/words/es";

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
