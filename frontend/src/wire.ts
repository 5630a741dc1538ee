/**
 * The frames between server and page: u32 header length | JSON header | zeros to a multiple of 8 | raw little-endian blobs, each at a
 * multiple of 8 from the frame's start. `encode` and `decode` are inverses; tests/wire/ holds frames that Python reads as well.
 */

export type Dtype = "f4" | "f2" | "u1" | "i4";
type Numbers = Float32Array | Uint16Array | Uint8Array | Int32Array;

/** Numbers of a shape. The bits of "f2" stay as they came; `read` gives their values. */
export interface Blob {
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  readonly data: Numbers;
}

export interface Frame {
  readonly header: Record<string, unknown> & { readonly kind: string };
  readonly blobs: readonly Blob[];
}

const ARRAYS = { f4: Float32Array, f2: Uint16Array, u1: Uint8Array, i4: Int32Array } as const;
const ALIGNMENT = 8;
const aligned = (size: number): number => Math.ceil(size / ALIGNMENT) * ALIGNMENT;

/** Read a frame without copying its blobs. Throws a RangeError where the bytes are not a whole frame. */
export function decode(bytes: ArrayBuffer): Frame {
  if (bytes.byteLength < 4) throw new RangeError(`a frame has at least 4 bytes, got ${bytes.byteLength}`);
  const length = new DataView(bytes).getUint32(0, true);
  if (4 + length > bytes.byteLength) throw new RangeError(`a header of ${length} bytes does not fit a frame of ${bytes.byteLength}`);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length))) as Frame["header"];
  const entries = (header["blobs"] ?? []) as { offset: number; shape: number[]; dtype: Dtype }[];
  const blobs = entries.map(({ offset, shape, dtype }) => {
    const size = shape.reduce((a, b) => a * b, 1);
    if (offset % ALIGNMENT) throw new RangeError(`a blob begins at ${offset}, expected a multiple of ${ALIGNMENT}`);
    return { shape, dtype, data: new ARRAYS[dtype](bytes, offset, size) };
  });
  return { header, blobs };
}

/** Write a frame; the blobs' places are put into the header. */
export function encode(header: Frame["header"], blobs: readonly Blob[] = []): ArrayBuffer {
  const entries = blobs.map(({ shape, dtype }) => ({ offset: 0, shape, dtype }));
  let text = new Uint8Array();
  let end = 0;
  for (let size = -1; size !== text.length; ) {
    size = text.length; // the offsets stand in the header whose length decides them
    let at = aligned(4 + size);
    blobs.forEach((blob, i) => {
      entries[i]!.offset = at;
      at = aligned(at + blob.data.byteLength);
    });
    end = at;
    text = new TextEncoder().encode(JSON.stringify({ ...header, blobs: entries }));
  }
  const bytes = new ArrayBuffer(end);
  new DataView(bytes).setUint32(0, text.length, true);
  new Uint8Array(bytes).set(text, 4);
  blobs.forEach(({ data }, i) => {
    new Uint8Array(bytes).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), entries[i]!.offset);
  });
  return bytes;
}

/** The value of each of the 65,536 bit patterns of a half-precision number. */
export const HALF: Float32Array = Float32Array.from({ length: 65536 }, (_, bits) => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
});

/** The number at a place of a blob. */
export function read(blob: Blob, index: number): number {
  const stored = blob.data[index] ?? NaN;
  return blob.dtype === "f2" ? HALF[stored]! : stored;
}
