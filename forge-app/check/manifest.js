// Check manifest.yml with the validator that Atlassian publishes, offline: every kind of check
// that it has, any error or warning fails. It looks at the built files too, so `npm run build`
// goes first. What it does not look at, tests/docs does.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { ProcessorBuilder, ValidationTypes } from "@forge/manifest";

const app = dirname(dirname(fileURLToPath(import.meta.url)));
const types = Object.values(ValidationTypes);

// Return everything that the validator says of the manifest in a folder.
async function faults(folder) {
  process.chdir(folder);
  const found = new Set();
  for (const type of types) {
    const { success, errors } = await ProcessorBuilder.instance().withValidation(type).build().process();
    for (const { level, message, line } of errors ?? []) found.add(`manifest.yml:${line ?? 1}: ${level}: ${message}`);
    if (!success && !errors?.length) found.add(`manifest.yml:1: error: the check '${type}' fails`);
  }
  return found;
}

// Return what it says of a manifest in which one value is wrong: silence would prove nothing.
async function faultsOfAWrongOne() {
  const folder = mkdtempSync(join(tmpdir(), "firstry-manifest-"));
  const text = readFileSync(join(app, "manifest.yml"), "utf-8");
  writeFileSync(join(folder, "manifest.yml"), text.replace("interval: hour", "interval: hourly"));
  try {
    return await faults(folder);
  } finally {
    process.chdir(app);
    rmSync(folder, { recursive: true });
  }
}

const found = await faults(app);
if ((await faultsOfAWrongOne()).size === 0) found.add("the validator took an interval that does not exist");
for (const fault of found) console.error(fault);
console.log(`${types.length} kinds of check, ${found.size} faults`);
process.exitCode = found.size > 0 ? 1 : 0;
