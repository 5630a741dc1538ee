/** Images that come with an answer: as one blob of bytes (N, H, W, C), or as a list of such. */

import type { Answer } from "./protocol";
import type { Blob as Numbers } from "./wire";

export interface Picked { readonly blob: Numbers; readonly index: number }

/** Give the images of an answer, each as the blob it lies in and its number there. */
export function imagesOf(answer: Answer): Picked[] {
  return (answer.blobs ?? []).flatMap((blob) =>
    blob.dtype !== "u1" ? [] : blob.shape.length === 4 ? Array.from({ length: blob.shape[0] ?? 0 }, (_, index) => ({ blob, index })) : blob.shape.length === 3 ? [{ blob, index: 0 }] : [],
  );
}

/** Cut a picture to its middle in the proportions asked for and make it as small as that: what a network will be given. */
export async function cropped(source: globalThis.Blob, height: number, width: number): Promise<HTMLCanvasElement> {
  const bitmap = await createImageBitmap(source);
  const scale = Math.max(width / bitmap.width, height / bitmap.height);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, (width - bitmap.width * scale) / 2, (height - bitmap.height * scale) / 2, bitmap.width * scale, bitmap.height * scale);
  bitmap.close();
  return canvas;
}

const MOST_SIDE = 1024;

/** Write a picture as PNG, at most 1,024 pixels wide and high. Throws where it is none. */
export async function asPng(source: globalThis.Blob): Promise<globalThis.Blob> {
  const bitmap = await createImageBitmap(source);
  const scale = Math.min(1, MOST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d")!.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new DOMException("png"))), "image/png"));
}
