import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IpcFailure } from '../../../src/ipc/failure.ts'
import { LineWriter } from '../../../src/ipc/line-writer.ts'
import { negotiateVersion } from '../../../src/ipc/version.ts'

const BOUND = { host: '127.0.0.1', port: 1 }
const HOSTILE = 'a\0b\nSMETHODS DONE\r\u2028é\u{1f600}\u007f'
/** PT 1.0 §3.3 and PT 3.0 §1.2, without the control characters that these allow. */
const LINE = /^[A-Za-z0-9_-]+(?: [\x20-\x7e]+)?\n$/

for (const spelling of ['1', '2.1', '3.0'])
  test(`writes every line in the ASCII grammar in version ${spelling}, whatever an error holds`, () => {
    const written: string[] = []
    const sink = { writableLength: 0, write: (text: string) => void written.push(text) }
    const version = negotiateVersion(spelling)!
    const lines = new LineWriter({ out: sink, err: sink, version, ipcLogLevel: 'DEBUG' })
    lines.version()
    lines.implementation('ptkit', '0.1.0')
    lines.proxyDone()
    lines.clientMethod('obfs4', 'socks5', BOUND)
    lines.clientMethodError('obfs4', HOSTILE)
    lines.clientMethodsDone()
    lines.serverMethod('obfs4', BOUND, { cert: 'a=b,c' })
    lines.serverMethodError('obfs4', HOSTILE)
    lines.serverMethodsDone()
    for (const kind of ['env', 'version', 'proxy'] as const) lines.failure(new IpcFailure(kind, HOSTILE, version))
    if (spelling === '1') {
      lines.log('ERROR', HOSTILE)
      lines.status('obfs4', { REASON: HOSTILE })
    }
    assert.equal(written.length, spelling === '1' ? 14 : 11)
    for (const line of written) assert.match(line, LINE)
  })
