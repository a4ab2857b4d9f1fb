import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import ts from 'typescript'

const src = new URL('../../../src/', import.meta.url)
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))

/** The first and the last words of an error's sentence; values may stand between, or after them. */
interface Sentence {
  readonly where: string
  readonly first: string
  readonly last: string
}

/** Finds the sentences of one file's PtErrors, through constants, conditions and the functions that make them. */
class SentenceFinder {
  readonly found: Sentence[] = []
  readonly #source: ts.SourceFile

  constructor(name: string) {
    this.#source = ts.createSourceFile(name, readFileSync(new URL(name, src), 'utf8'), ts.ScriptTarget.Latest, true)
    for (const made of this.#all(ts.isNewExpression))
      if (made.expression.getText() === 'PtError') this.#resolve(made.arguments?.[1], made)
  }

  #all<Kind extends ts.Node>(is: (node: ts.Node) => node is Kind): Kind[] {
    const found: Kind[] = []
    const visit = (node: ts.Node): void => {
      if (is(node)) found.push(node)
      ts.forEachChild(node, visit)
    }
    visit(this.#source)
    return found
  }

  #resolve(text: ts.Expression | undefined, at: ts.Node): void {
    assert.ok(text !== undefined, `a PtError without a sentence in ${this.#source.fileName}`)
    if (ts.isStringLiteralLike(text)) this.#add(at, text.text, text.text)
    else if (ts.isTemplateExpression(text)) this.#add(at, text.head.text, text.templateSpans.at(-1)!.literal.text)
    else if (ts.isConditionalExpression(text)) {
      this.#resolve(text.whenTrue, at)
      this.#resolve(text.whenFalse, at)
    } else if (ts.isIdentifier(text)) this.#resolveName(text, at)
    else if (ts.isCallExpression(text)) this.#resolveCall(text, at)
    // An error's own sentence, told once more.
    else if (text.getText() !== 'error.message') assert.fail(`what is ${text.getText()} in ${this.#source.fileName}?`)
  }

  #resolveName(name: ts.Identifier, at: ts.Node): void {
    const scope = ts.findAncestor(name, ts.isFunctionLike)
    const index = scope?.parameters.findIndex((parameter) => parameter.name.getText() === name.text) ?? -1
    if (scope?.name !== undefined && index >= 0) {
      const maker = scope.name.getText()
      for (const call of this.#all(ts.isCallExpression))
        if (call.expression.getText().replace('this.', '') === maker) this.#resolve(call.arguments[index], call)
      return
    }
    const constants = this.#all(ts.isVariableDeclaration).filter(
      (declaration) =>
        declaration.name.getText() === name.text && declaration.parent.parent.parent === scope?.getChildren().at(-1),
    )
    assert.equal(constants.length, 1, `${name.text} in ${this.#source.fileName}`)
    this.#resolve(constants[0]!.initializer, at)
  }

  #resolveCall(call: ts.CallExpression, at: ts.Node): void {
    const called = this.#all(ts.isFunctionDeclaration).find(({ name }) => name?.text === call.expression.getText())
    const returns = this.#all(ts.isReturnStatement).filter(
      (node) => ts.findAncestor(node, ts.isFunctionLike) === called,
    )
    assert.ok(returns.length > 0, `${call.getText()} in ${this.#source.fileName}`)
    for (const { expression } of returns) this.#resolve(expression, at)
  }

  #add(at: ts.Node, first: string, last: string): void {
    const line = this.#source.getLineAndCharacterOfPosition(at.getStart()).line + 1
    this.found.push({ where: `${this.#source.fileName}:${line}`, first, last })
  }
}

const sentences = files.flatMap((name) => new SentenceFinder(name).found)

test('finds the sentences of the errors, in many files', () => {
  assert.ok(sentences.length > 80, String(sentences.length))
  assert.ok(new Set(sentences.map(({ where }) => where.split(':')[0])).size > 15)
})

test('the sentence of every PtError begins with a capital letter and has no full stop', () => {
  const bad = sentences.filter(({ first, last }) => !/^[A-Z]/.test(first) || /[.!;,\s]$/.test(last))
  assert.deepEqual(
    bad.map(({ where, first }) => `${where} ${first}`),
    [],
  )
})
