/** A picture to take along: a title and what belongs to it above, on the page's own ground, as PNG or as SVG. */

import { em, plain, token } from "./draw/ink";
import { escape, say, tag, type Drawing } from "./draw/svg";

export interface Wording {
  readonly title: string;
  readonly caption: string;
}

interface Plate {
  readonly width: number;
  readonly height: number;
  /** Where the picture begins. */
  readonly left: number;
  readonly top: number;
  readonly lines: readonly { readonly text: string; readonly size: number; readonly weight: number; readonly y: number; readonly ink: string }[];
}

/** Lay the words and a picture of this size out; `unit` is the size of a letter, in the picture's own pixels. */
function layOut(width: number, height: number, { title, caption }: Wording, unit: number): Plate {
  const lines = [
    { text: title, size: unit, weight: 600, y: 1.7 * unit, ink: token("--ink") },
    { text: caption, size: 0.82 * unit, weight: 400, y: 3 * unit, ink: token("--quiet") },
  ];
  const context = document.createElement("canvas").getContext("2d")!;
  const widths = lines.map(({ text, size, weight }) => ((context.font = `${weight} ${size}px ${token("--sans")}`), context.measureText(text).width));
  return { width: Math.ceil(Math.max(width, ...widths) + 2 * unit), height: Math.ceil(height + 4.4 * unit), left: unit, top: 3.4 * unit, lines };
}

/** The picture as it stands on the page. */
export function pngOf(picture: HTMLCanvasElement, wording: Wording): Promise<globalThis.Blob | null> {
  const plate = layOut(picture.width, picture.height, wording, em() * (globalThis.devicePixelRatio || 1));
  const canvas = document.createElement("canvas");
  canvas.width = plate.width;
  canvas.height = plate.height;
  const context = canvas.getContext("2d")!;
  context.fillStyle = token("--panel");
  context.fillRect(0, 0, plate.width, plate.height);
  for (const { text, size, weight, y, ink } of plate.lines) {
    context.font = `${weight} ${size}px ${token("--sans")}`;
    context.fillStyle = ink;
    context.fillText(text, plate.left, y);
  }
  context.drawImage(picture, plate.left, plate.top);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** A drawn picture in pixels, as fine as the screen's. */
export async function pixels(svg: globalThis.Blob): Promise<globalThis.Blob | null> {
  const address = URL.createObjectURL(svg);
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const ratio = Math.max(2, globalThis.devicePixelRatio || 1);
    const canvas = document.createElement("canvas");
    canvas.width = image.width * ratio;
    canvas.height = image.height * ratio;
    canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** The picture drawn anew, its words as text: a document of its own that needs nothing else. */
export function svgOf(drawing: Drawing, wording: Wording): globalThis.Blob {
  const plate = layOut(drawing.width, drawing.height, wording, em());
  const size = { width: plate.width, height: plate.height };
  const text = tag("svg", { xmlns: "http://www.w3.org/2000/svg", ...size, viewBox: `0 0 ${plate.width} ${plate.height}`, "font-family": token("--sans") },
    tag("title", {}, escape(wording.title)),
    tag("rect", { ...size, fill: plain("--panel") }),
    ...plate.lines.map(({ text, size, weight, y, ink }) => say(text, { x: plate.left, y, "font-size": size, "font-weight": weight, fill: plain(ink) })),
    tag("g", { transform: `translate(${plate.left} ${plate.top})` }, drawing.body),
  );
  return new globalThis.Blob([text], { type: "image/svg+xml" });
}
