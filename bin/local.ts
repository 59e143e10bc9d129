const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 24) {
  console.error(
    `Node 24 or later is needed, this is ${process.version}: use npm run local, which brings its own.`,
  );
  process.exit(1);
}
// Only now: the modules below use what older versions cannot even parse.
const { main } = await import('./local/main.ts');
process.exitCode = await main(process.argv.slice(2));
