// SPDX-License-Identifier: Apache-2.0
// Runs a script of ours on the 32-bit MicroPython (vm32.py starts it):
//     node vm32.mjs MICROPYTHON.mjs FOLDER SCRIPT ARG...
// FOLDER/firmware_py and SCRIPT's siblings are copied in; an ARG that is a file is copied and its
// name there is passed. This VM collects garbage only between top-level runs, so a script is run
// in the parts that lines of `# ----` cut it into. An error is one line on stderr, never node's
// dump of the minified VM.
import fs from "fs";
import path from "path";

const [, , vm, folder, script, ...given] = process.argv;

function copy(mp, from, to) {
  mp.FS.mkdir(to);
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), to + "/" + entry.name];
    if (entry.isDirectory()) {
      if (entry.name !== "__pycache__") copy(mp, source, target);
    } else if (/\.m?py$/.test(entry.name)) {
      mp.FS.writeFile(target, fs.readFileSync(source));
    }
  }
}

try {
  const { loadMicroPython } = await import(vm);
  const mp = await loadMicroPython({
    heapsize: 8 * 1024 * 1024, // nothing is collected while a part runs
    stdout: (line) => process.stdout.write(line + "\n"),
    linebuffer: true,
  });
  copy(mp, path.join(folder, "firmware_py"), "/firmware_py");
  const args = given.map((arg, i) => {
    if (!fs.existsSync(arg) || !fs.statSync(arg).isFile()) return arg;
    mp.FS.writeFile("/arg" + i, fs.readFileSync(arg));
    return "/arg" + i;
  });
  mp.runPython(
    "import sys\nsys.path.insert(0, '/')\nsys.argv[:] = " + JSON.stringify([script, ...args]),
  );
  for (const part of fs.readFileSync(script, "utf8").split("# ----\n")) mp.runPython(part);
} catch (error) {
  process.stderr.write(String(error.message ?? error).slice(0, 1500) + "\n");
  process.exitCode = 1;
}
