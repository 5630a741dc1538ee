/** Files that a person takes along. */

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
