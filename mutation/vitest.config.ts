import { defineConfig } from 'vitest/config'
import { instrumented, mutatedName, root } from './files.ts'

export default defineConfig({
  root,
  // The mutated files are plain JavaScript when they come out of the hands of `instrument`.
  oxc: { exclude: /\/src\/(core|verify)\// },
  plugins: [
    {
      name: 'mutation',
      enforce: 'pre',
      load(id) {
        const file = mutatedName(id)
        return file === undefined ? undefined : { code: instrumented(file).code, map: null }
      },
    },
  ],
  test: {
    pool: 'forks',
    maxWorkers: 2,
    runner: './mutation/runner.ts',
    reporters: ['dot'],
    silent: true,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
