"""Exercises: one source notebook per lecture, released to students, checked, graded and reported.

`python -m lecture_lib.grading` is the way in. What the modules do, in the order in which work passes through them:

- the instructor's notebook: `source` reads it (`bindings` its code), `release` writes the exercise, `leakage` looks for
  what must not be in it; `answers` (with what each `needs`) and `selfcheck` try listed mistakes before students do,
  `escapes` the sandbox
- a class: `grade` runs all (`single` one student, `handed_in` opens files that may be anything, `jury` asks a judge
  process, `reference` has it grade the solution first, `lock` keeps a second grader out, `results` keeps records);
  `check` is a student's own run
- one submission: `judge` is the process, with `inner` in another; `submission` reads the notebook, `placing` matches
  its cells to the source's, `trial` goes through them, `trusted` executes the instructor's code, `verdicts` finds words
- the trusted end of the pipe: `session` (a sandbox, and another when it is lost), `bridge` (requests), `handing` and
  `transfer` (what tests hand over), `calling_back` (what may be done with that), `guarding` (what a test must not do
  with a student's values), `keeping`, `lending` and `mirrors` (what both sides have: containers, parameters,
  gradients), `patches` (names that both use), `seeding`, `watching` (deadlines)
- stand-ins there: `proxies` (functions and objects), `classes` and `members`, `nets`, `errors`, `stand_ins` (which is
  which), `signatures`, `texts` (how something is written), `operators` and `asking` (what may be asked of objects)
- the pipe: `wire` (messages), `encoding` and `decoding` (plain data, strictly), with `scalars`, `arrays` and `held`
- the student's end: `worker` (answers requests), `answering`, `shell` (runs cells), `handles` and `describing` (what
  cannot leave), `visitors` (what tests hand over), `bare`, `replacing`, `randomness`
- the sandbox: `sandbox` starts and ends it; `bubblewrap`, `view` (what is seen inside), `seccomp` (system calls),
  `limits`, `processes` (memory and numbers), `capture` (output), `forbidden` (a library without some functions)
- what people read: `feedback` (a student), `gradebook` and `marks` (tables, hand marking), `report` (a class), with
  `pages` and `printable` under them
"""
