import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { hasCommand } from '../../support/commands.ts'
import { PAGE, startSite } from '../../support/pt-clients.ts'
import { ptkitPath } from '../../support/ptkit.ts'
import { runCommand } from '../../support/run-command.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const script = fileURLToPath(new URL('shell-parent.sh', import.meta.url))
const skip =
  hasCommand('curl') || process.env['PT_REQUIRE_PEERS'] === '1' ? false : 'curl is not installed (apt-get install curl)'

test('a shell that sets variables and reads standard output gets a page', { skip }, async (context) => {
  const [directory, site] = [await temporaryDirectory(context), await startSite(context)]
  const { code, stdout, stderr } = await runCommand(context, script, [ptkitPath, directory, String(site)])
  assert.equal(stderr, '')
  assert.equal(code, 0)
  assert.ok(stdout.equals(PAGE), `${stdout.length} bytes came`)
})
