// What is dropped on the page: files, and all that is in folders.

/** Return [name, file] of all files; names have / between folders. */
export async function readDropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => [file.name, file]);
  const found = [];
  for (const entry of entries) await walk(entry, "", found);
  return found;
}

async function walk(entry, above, found) {
  const name = above + entry.name;
  if (entry.isFile) {
    if (!entry.name.startsWith(".")) found.push([name, await new Promise((done, failed) => entry.file(done, failed))]);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed)); // it gives a hundred at a time
    if (!some.length) return;
    for (const inner of some) await walk(inner, `${name}/`, found);
  }
}
