import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { readPrivateFile, writePrivateFile } from '../../src/append/private-file.ts'

it('a key that is replaced and overwritten while it is read is read as the old one or as the new one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'memmimic-private-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'seal.key')
  writePrivateFile(file, 'a'.repeat(200_000))
  const replace = `
    import { writePrivateFile } from ${JSON.stringify(new URL('../../src/append/private-file.ts', import.meta.url).href)}
    const end = Date.now() + 1500
    for (let i = 0; Date.now() < end; i++) {
      writePrivateFile(${JSON.stringify(file)}, 'ab'[i % 2].repeat(200_000), { forget: true })
    }`
  const other = spawn(process.execPath, ['--input-type=module', '--eval', replace], { stdio: 'inherit' })
  let isOver = false
  const ended = once(other, 'close').then(([code]) => {
    isOver = true
    expect(code).toBe(0)
  })
  let read = 0
  for (; !isOver; read++) {
    for (let i = 0; i < 50; i++) expect(/^(a{200000}|b{200000})$/.test(readPrivateFile(file) ?? '')).toBe(true)
    await new Promise(resolve => setImmediate(resolve))
  }
  await ended
  expect(read).toBeGreaterThan(5)
})
