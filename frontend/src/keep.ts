/** What a person takes along: files, and pictures with the words that make them readable elsewhere. */

/** Offer content as a file. */
export function keep(content: globalThis.Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name.replace(/[^\p{L}\p{N}._ -]+/gu, "-");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Fetch a file of the server's and offer it under the name that the server gives it; rejects with the server's own sentence. */
export async function keepFrom(path: string): Promise<void> {
  const response = await fetch(path);
  if (!response.ok) {
    const told = (await response.json().catch(() => ({}))) as { error?: string };
    throw new Error(told.error ?? String(response.status));
  }
  const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "vitral";
  keep(await response.blob(), name);
}

/** Offer a canvas as PNG, with a title and what belongs to it above, on the page's own ground. */
export function keepPicture(source: HTMLCanvasElement, title: string, caption: string, name: string): void {
  const css = getComputedStyle(document.documentElement);
  const colour = (token: string): string => css.getPropertyValue(token).trim();
  const unit = parseFloat(css.fontSize) * (globalThis.devicePixelRatio || 1);
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d")!;
  const fonts = [`600 ${unit}px ${colour("--sans")}`, `${unit * 0.82}px ${colour("--sans")}`] as const;
  const widths = [title, caption].map((text, i) => ((context.font = fonts[i]!), context.measureText(text).width));
  canvas.width = Math.ceil(Math.max(source.width, ...widths) + 2 * unit);
  canvas.height = Math.ceil(source.height + 4.4 * unit);
  context.fillStyle = colour("--panel");
  context.fillRect(0, 0, canvas.width, canvas.height);
  for (const [i, text] of [title, caption].entries()) {
    context.font = fonts[i]!;
    context.fillStyle = colour(i ? "--quiet" : "--ink");
    context.fillText(text, unit, unit * (1.7 + 1.3 * i));
  }
  context.drawImage(source, unit, 3.4 * unit);
  canvas.toBlob((blob) => blob && keep(blob, `${name}.png`), "image/png");
}
