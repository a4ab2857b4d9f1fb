import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IpcLogLevel } from '../../../src/ipc/config.ts'
import { IpcFailure } from '../../../src/ipc/failure.ts'
import { LineWriter, MAX_QUEUED_LENGTH, writeFailure } from '../../../src/ipc/line-writer.ts'
import { negotiateVersion } from '../../../src/ipc/version.ts'

class Sink {
  writableLength = 0
  readonly lines: string[] = []

  write(text: string): void {
    this.lines.push(text)
  }
}

function open(spelling: string, ipcLogLevel: IpcLogLevel = 'NONE') {
  const [out, err] = [new Sink(), new Sink()]
  return { out, err, lines: new LineWriter({ out, err, version: negotiateVersion(spelling)!, ipcLogLevel }) }
}

const BOUND = { host: '127.0.0.1', port: 1 }

test('warns by LOG where the parent gets it, else by one line of ASCII on standard error without a keyword', () => {
  for (const [spelling, level, onOut, onErr] of [
    ['1', 'WARN', ['LOG SEVERITY=warning MESSAGE="A ?ile\\ncannot"\n'], []],
    ['3.0', 'DEBUG', ['LOG WARN A \u0192ile cannot\n'], []],
    ['1', 'NONE', [], ['warning: A ?ile cannot\n']],
    ['3.0', 'ERROR', [], ['warning: A ?ile cannot\n']],
    ['2.1', 'DEBUG', [], ['warning: A ?ile cannot\n']],
  ] as const) {
    const { out, err, lines } = open(spelling, level)
    lines.warn('A \u0192ile\ncannot')
    assert.deepEqual([out.lines, err.lines], [onOut, onErr], `${spelling} ${level}`)
  }
})

test('drops a warning when nobody reads standard error', () => {
  const { err, lines } = open('3.0')
  err.writableLength = MAX_QUEUED_LENGTH + 1
  lines.warn('A file cannot be read')
  assert.deepEqual(err.lines, [])
})

test('writes every line to standard output in version 1, errors included', () => {
  const { out, err, lines } = open('1')
  lines.version()
  lines.implementation('ptkit', '0.1.0')
  lines.proxyDone()
  lines.clientMethod('obfs4', 'socks5', BOUND)
  lines.clientMethodError('webtunnel', 'no url')
  lines.clientMethodsDone()
  lines.failure(new IpcFailure('proxy', 'dead', negotiateVersion('1')))
  assert.deepEqual(out.lines, [
    'VERSION 1\n',
    'STATUS TYPE=version IMPLEMENTATION="ptkit" VERSION="0.1.0"\n',
    'PROXY DONE\n',
    'CMETHOD obfs4 socks5 127.0.0.1:1\n',
    'CMETHOD-ERROR webtunnel no url\n',
    'CMETHODS DONE\n',
    'PROXY-ERROR dead\n',
  ])
  assert.deepEqual(err.lines, [])
})

for (const spelling of ['2.1', '3.0'])
  test(`writes errors to standard error in version ${spelling}, and the rest to standard output`, () => {
    const { out, err, lines } = open(spelling)
    lines.version()
    lines.implementation('ptkit', '0.1.0')
    lines.serverMethod('obfs4', BOUND, { cert: 'x' })
    lines.serverMethodError('webtunnel', 'no key')
    lines.serverMethodsDone()
    lines.failure(new IpcFailure('env', 'bad', negotiateVersion(spelling)))
    assert.deepEqual(out.lines, [`VERSION ${spelling}\n`, 'SMETHOD obfs4 127.0.0.1:1 ARGS:cert=x\n', 'SMETHODS DONE\n'])
    assert.deepEqual(err.lines, ['SMETHOD-ERROR webtunnel no key\n', 'ENV-ERROR bad\n'])
  })

test('tells both streams when no version is in common', () => {
  const { out, err } = open('1')
  writeFailure(new IpcFailure('version', 'no-version', undefined), { out, err })
  assert.deepEqual([out.lines, err.lines], [['VERSION-ERROR no-version\n'], ['VERSION-ERROR no-version\n']])
})

test('writes LOG lines to standard output, at the level asked for', () => {
  const { out, err, lines } = open('3.0', 'WARN')
  lines.log('INFO', 'unheard')
  lines.log('WARN', 'heard')
  assert.deepEqual([out.lines, err.lines], [['LOG WARN heard\n'], []])
})

for (const bad of ['a\nSMETHODS DONE', 'a\0'])
  test(`refuses ${JSON.stringify(bad)} inside a line`, () => {
    const { out, lines } = open('1')
    assert.throws(() => lines.clientMethod(bad, 'socks5', BOUND), RangeError)
    assert.throws(() => lines.status(bad, { A: 'b' }), RangeError)
    assert.deepEqual(out.lines, [])
  })

test('drops LOG and STATUS lines while the parent does not read, tells how many, and drops no other line', () => {
  const { out, lines } = open('1', 'DEBUG')
  out.writableLength = MAX_QUEUED_LENGTH + 1
  lines.log('ERROR', 'lost')
  lines.status('obfs4', { A: 'b' })
  lines.clientMethod('obfs4', 'socks5', BOUND)
  out.writableLength = 0
  lines.log('INFO', 'heard')
  lines.log('INFO', 'again')
  assert.deepEqual(out.lines, [
    'CMETHOD obfs4 socks5 127.0.0.1:1\n',
    'LOG SEVERITY=warning MESSAGE="2 lines were dropped"\n',
    'LOG SEVERITY=info MESSAGE="heard"\n',
    'LOG SEVERITY=info MESSAGE="again"\n',
  ])
})
