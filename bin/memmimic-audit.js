#!/usr/bin/env node
// Plain old syntax on purpose: an old Node must be able to read this far, and to say what it lacks.
var parts = process.versions.node.split('.').map(Number)
if (parts[0] < 24 || (parts[0] === 24 && parts[1] < 6)) {
  console.error('memmimic-audit: memmimic-audit needs Node 24.6 or newer; this is Node ' + process.versions.node)
  process.exit(1)
} else {
  var built = new URL('../dist/cli/main.js', import.meta.url)
  import('node:fs').then(function (fs) {
    return import(fs.existsSync(built) ? built.href : new URL('../src/cli/main.ts', import.meta.url).href)
  })
}
