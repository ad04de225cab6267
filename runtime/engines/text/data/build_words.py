#!/usr/bin/env python3
"""Makes words.txt: how common an English word is and how it is used.

usage: build_words.py CORPUS.jsonl.zst... > words.txt

Each corpus holds one JSON object a line with the members "source" and "text". The shipped file was
made from a corpus of 20 million words whose parts are all public domain, CC0, CC-BY, OGL, MIT or
Apache-2.0; older fiction counts a third of its size, so that modern registers carry more weight.
The output holds counts and no passage of any text.

Line: word, a space, a letter for the frequency ('a': 4 to 7 times in 20 million words, each next
letter twice as often), then letters for the uses that the counts show:
  v  base form of a verb (stands after "will", "can", "to", "don't", ...)
  n  noun, singular or plural (ends a phrase that "the", "his", "this", ... begins)
  j  adjective (between such a word and a noun, or after "very", "so", "more", ... and a form of "be")
  p  past form (stands after "he", "they", ... and is used with no modal)
  q  past participle (stands after "have", "has", "had")
"""
import collections
import json
import re
import subprocess
import sys

OLD = ("classic-books", "standardebooks", "gutenberg")
TOKEN = re.compile(r"[A-Za-z]+(?:['\u2019][A-Za-z]+)*|[0-9]+|[.,;:!?\"()\u201c\u201d\u2014-]")
MODALS = set("will would can could shall should must may might cannot to don't didn't doesn't won't "
             "wouldn't can't couldn't let's".split())
TO = {"to"}
DETERMINERS = set("the a an this that these those his her its my our your their each every no some "
                  "any".split())
FUNCTION = set("of in on at to for with by from and or but is are was were be been has have had will "
               "would can could that which who as than when where while because if not so into "
               "about . , ; : ! ? ) \" \u201d \u2014 -".split())
DEGREE = set("very so too more most quite rather extremely really pretty less as".split())
BE = set("is are was were be been being am i'm it's he's she's you're we're they're".split())
HAVE = set("have has had having i've you've we've they've".split())
# "To also see" splits an infinitive and makes no verb of "also".
NO_VERBS = set("also not only never always ever even just still already again then now soon often "
               "either both all too so".split())
LY_VERBS = set("apply reply rely supply comply fly imply multiply ally rally tally bully sully "
               "dally belly curly family".split())
SUBJECT = set("i he she we they who".split())


def main(paths):
    total = collections.Counter()
    lower = collections.Counter()
    use = collections.defaultdict(collections.Counter)
    for path in paths:
        lines = subprocess.Popen(["zstd", "-dc", path], stdout=subprocess.PIPE)
        for number, line in enumerate(lines.stdout):
            record = json.loads(line)
            if any(name in record["source"] for name in OLD) and number % 3:
                continue
            raw = TOKEN.findall(record["text"])
            tokens = [token.lower().replace("\u2019", "'") for token in raw]
            total.update(tokens)
            lower.update(token for token in raw if token.islower())
            size = len(tokens)
            for i in range(1, size - 1):
                word = tokens[i]
                if not word[0].isalpha():
                    continue
                before, after = tokens[i - 1], tokens[i + 1]
                if before in MODALS:
                    use[word]["to" if before in TO else "modal"] += 1
                elif before in DETERMINERS:
                    use[word]["noun" if after in FUNCTION else "mid"] += 1
                elif before in DEGREE:
                    use[word]["degree"] += 1
                elif before in BE:
                    use[word]["be"] += 1
                elif before in HAVE:
                    use[word]["have"] += 1
                elif before in SUBJECT:
                    use[word]["subject"] += 1
    for word in sorted(total):
        count = total[word]
        if count < 4 or not word[0].isalpha() or (len(word) == 1 and word not in "ai"):
            continue
        # Names stay out: what is rarely written small is no word of the language.
        if lower[word.replace("'", "\u2019")] + lower[word] < count * 0.2 and word != "i":
            continue
        u = use[word]
        letters = ""
        verb = (u["modal"] + u["to"] * 0.5) / count
        # "can also" makes no verb of "also": it never follows "to".
        adverb = word in NO_VERBS or (word.endswith("ly") and word not in LY_VERBS)
        if not adverb and verb > 0.05 and u["modal"] >= 2 and u["to"] >= max(2, 0.003 * count):
            letters += "v"
        if u["noun"] / count > 0.06 and u["noun"] >= 2:
            letters += "n"
        if (u["mid"] / count > 0.08 and u["degree"] + u["be"] > 0.02 * count) or \
                u["degree"] / count > 0.05:
            letters += "j"
        if u["subject"] / count > 0.02 and verb < 0.02:
            letters += "p"
        if u["have"] / count > 0.03:
            letters += "q"
        print(word, chr(ord("a") + min(25, count.bit_length() - 3)) + letters)


main(sys.argv[1:])
