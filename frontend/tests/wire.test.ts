import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { decode, encode, HALF, read, type Blob, type Dtype } from "../src/wire";

// The same files that Python reads: a header, and blobs with their values.
const GOLDEN = join(import.meta.dirname, "../../tests/wire");
const names = readdirSync(GOLDEN).filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5));

interface Told { header: Record<string, unknown>; blobs: { dtype: Dtype; shape: number[]; values: number[] }[] }

const bytesOf = (name: string): ArrayBuffer => {
  const file = readFileSync(join(GOLDEN, `${name}.bin`));
  return file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength) as ArrayBuffer;
};

describe("golden frames", () => {
  it("are there", () => expect(names.length).toBeGreaterThan(3));

  it.each(names)("%s is read as Python wrote it", (name) => {
    const told = JSON.parse(readFileSync(join(GOLDEN, `${name}.json`), "utf-8")) as Told;
    const { header, blobs } = decode(bytesOf(name));
    expect(header).toMatchObject(told.header);
    expect(blobs.map(({ dtype, shape }) => ({ dtype, shape }))).toEqual(told.blobs.map(({ dtype, shape }) => ({ dtype, shape })));
    blobs.forEach((blob, i) => expect(Array.from({ length: blob.data.length }, (_, at) => read(blob, at))).toEqual(told.blobs[i]!.values));
  });

  it.each(names)("%s is written to the same numbers again", (name) => {
    const { header, blobs } = decode(bytesOf(name));
    const again = decode(encode(header, blobs));
    expect(again.header.kind).toBe(header.kind);
    again.blobs.forEach((blob, i) => expect([...blob.data]).toEqual([...blobs[i]!.data]));
  });
});

describe("frames", () => {
  it("begin every blob at a multiple of eight", () => {
    for (let length = 0; length < 20; length++) {
      const blobs: Blob[] = [{ shape: [3], dtype: "u1", data: new Uint8Array([1, 2, 3]) }, { shape: [1], dtype: "f4", data: new Float32Array([length]) }];
      const { blobs: found } = decode(encode({ kind: "x".repeat(length) }, blobs));
      expect([...found[0]!.data]).toEqual([1, 2, 3]);
      expect(read(found[1]!, 0)).toBe(length);
      found.forEach((blob) => expect(blob.data.byteOffset % 8).toBe(0));
    }
  });

  it("that are cut short are refused", () => {
    const whole = encode({ kind: "state" });
    expect(() => decode(whole.slice(0, 2))).toThrow(RangeError);
    expect(() => decode(whole.slice(0, 9))).toThrow(/does not fit/);
  });
});

describe("half precision", () => {
  it("agrees with what the machine makes of the same bits", () => {
    // every value of a half is exact in single precision: rebuild the bits by hand and compare
    for (const [bits, value] of [[0x3c00, 1], [0xc000, -2], [0x7bff, 65504], [0x0001, 2 ** -24], [0x8000, -0], [0x3555, 0.333251953125]] as const) {
      expect(Object.is(HALF[bits], value)).toBe(true);
    }
    expect(HALF[0x7c00]).toBe(Infinity);
    expect(HALF[0x7e00]).toBeNaN();
  });
});
