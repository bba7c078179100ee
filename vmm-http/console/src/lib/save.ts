import { raw } from '../api/client';

/** Reads a file from the API and gives it to the browser to save. */
export async function save(path: string, name: string): Promise<void> {
  const content = await (await raw('GET', path)).blob();
  saveContent(content, name);
}

/** Gives content to the browser to save. */
export function saveContent(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
