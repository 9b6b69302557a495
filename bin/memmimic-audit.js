#!/usr/bin/env node
// Syntax of Node 12 on purpose: an old Node must be able to read this far, and to say what it lacks.
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 24 || (major === 24 && minor < 8)) {
  console.error(`memmimic-audit needs Node 24.8 or newer; this is Node ${process.versions.node}`)
  process.exit(1)
}
const built = new URL('../dist/cli/main.js', import.meta.url)
const source = new URL('../src/cli/main.ts', import.meta.url)
import('node:fs').then(({ existsSync }) => import(existsSync(built) ? built.href : source.href))
