/**
 * The entry of every npm script: `node local/launcher/run.mjs <command> [arguments]`.
 *
 * Runs on a clone that has no node_modules yet, so everything in this folder uses Node's built-ins only. This file
 * alone must also parse on Node versions that are too old, to say so: hence no static import and no newer syntax here.
 */
const oldestNode = '20.15'; // zlib.crc32

if (process.versions.node.localeCompare(oldestNode, 'en', { numeric: true }) < 0) {
  process.stderr.write(
    `✗ NodeTooOld: this is node ${process.versions.node}; install Node ${oldestNode} or later and run the command again\n`,
  );
  process.exitCode = 1;
} else {
  import('./launch.mjs').then((module) => module.main(process.argv.slice(2)));
}
