import assert from 'node:assert/strict'
import process from 'node:process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { hasCommand } from '../../support/commands.ts'
import { ptkitPath } from '../../support/ptkit.ts'
import { runCommand } from '../../support/run-command.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const program = fileURLToPath(new URL('parent.py', import.meta.url))
const skip =
  hasCommand('python3') || process.env['PT_REQUIRE_PEERS'] === '1'
    ? false
    : 'python3 is not installed (apt-get install python3)'

for (const version of ['1', '2.1', '3.0'])
  test(`a parent in Python carries 1 MiB each way through ptkit in version ${version}`, { skip }, async (t) => {
    const args = [program, version, await temporaryDirectory(t), process.execPath, ptkitPath]
    const { code, stdout, stderr } = await runCommand(t, 'python3', args)
    assert.equal(stderr, '')
    assert.equal(stdout.toString(), `${version} 0 0\n`)
    assert.equal(code, 0)
  })
