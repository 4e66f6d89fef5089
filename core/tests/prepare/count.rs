//! A second count of gas, independent of the pass: an interpreter of a few integer operators that adds
//! up what it executes, one by one and without blocks, on programs made up from a seed.

use igor_core::prepare::prepare;
use wasmparser::{Operator, Parser, Payload};

use super::run::{Bounds, Compiled, ENGINES};
use super::wat;

/// What entering a function costs whose frame weighs less than 32 slots.
const ENTRY: u64 = 2;

/// Functions of so many operators, one local and two operands at most weigh less than that.
const SMALL: usize = 600;

/// Executes function 0 of a module of functions without parameters or results, one i32 local each.
struct Counter<'a> {
    bodies: Vec<Vec<Operator<'a>>>,
    gas: u64,
    global: i32,
}

/// Where execution goes on.
enum Flow {
    End,
    Branch(u32),
    Return,
}

impl<'a> Counter<'a> {
    fn new(module: &'a [u8]) -> Self {
        let mut bodies = Vec::new();
        for payload in Parser::new(0).parse_all(module) {
            if let Payload::CodeSectionEntry(body) = payload.unwrap() {
                let ops = body.get_operators_reader().unwrap();
                bodies.push(ops.into_iter().map(Result::unwrap).collect());
            }
        }
        Self { bodies, gas: 0, global: 0 }
    }

    fn call(&mut self, function: usize) {
        self.gas += ENTRY;
        let body = self.bodies[function].clone();
        let mut state = (vec![], 0);
        self.sequence(&body, 0, &mut state);
    }

    /// Runs from `at` to the `end` or `else` of the same block.
    fn sequence(
        &mut self,
        body: &[Operator<'a>],
        mut at: usize,
        state: &mut (Vec<i32>, i32),
    ) -> Flow {
        loop {
            let op = &body[at];
            self.gas += match op {
                Operator::Nop
                | Operator::Drop
                | Operator::Block { .. }
                | Operator::Loop { .. }
                | Operator::Else
                | Operator::End
                | Operator::Return => 0,
                _ => 1,
            };
            let (stack, local) = &mut *state;
            match op {
                Operator::End | Operator::Else => return Flow::End,
                Operator::Return => return Flow::Return,
                Operator::I32Const { value } => stack.push(*value),
                Operator::LocalGet { .. } => stack.push(*local),
                Operator::LocalSet { .. } => *local = stack.pop().unwrap(),
                Operator::GlobalGet { .. } => stack.push(self.global),
                Operator::GlobalSet { .. } => self.global = stack.pop().unwrap(),
                Operator::Drop => drop(stack.pop().unwrap()),
                Operator::I32Add | Operator::I32Sub | Operator::I32And => {
                    let (right, left) = (stack.pop().unwrap(), stack.pop().unwrap());
                    stack.push(match op {
                        Operator::I32Add => left.wrapping_add(right),
                        Operator::I32Sub => left.wrapping_sub(right),
                        _ => left & right,
                    });
                }
                Operator::Call { function_index } => {
                    self.call(usize::try_from(*function_index).unwrap());
                }
                Operator::Br { relative_depth } => return Flow::Branch(*relative_depth),
                Operator::BrIf { relative_depth } => match stack.pop().unwrap() {
                    0 => {}
                    _ => return Flow::Branch(*relative_depth),
                },
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                    match self.block(body, at, state) {
                        Ok(end) => at = end,
                        Err(flow) => return flow,
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// Runs the block that opens at `at`; returns where it ends, or the flow that leaves it.
    fn block(
        &mut self,
        body: &[Operator<'a>],
        at: usize,
        state: &mut (Vec<i32>, i32),
    ) -> Result<usize, Flow> {
        let (otherwise, end) = matching(body, at);
        let start = match body[at] {
            Operator::If { .. } if state.0.pop().unwrap() == 0 => otherwise.unwrap_or(end) + 1,
            _ => at + 1,
        };
        if start == end + 1 {
            return Ok(end);
        }
        let height = state.0.len();
        loop {
            match self.sequence(body, start, state) {
                Flow::Branch(0) if matches!(body[at], Operator::Loop { .. }) => {
                    state.0.truncate(height);
                }
                Flow::End | Flow::Branch(0) => break,
                Flow::Branch(depth) => return Err(Flow::Branch(depth - 1)),
                Flow::Return => return Err(Flow::Return),
            }
        }
        state.0.truncate(height);
        Ok(end)
    }
}

/// The `else`, if any, and the `end` of the block that opens at `at`.
fn matching(body: &[Operator<'_>], at: usize) -> (Option<usize>, usize) {
    let (mut depth, mut otherwise) = (0, None);
    for (position, op) in body.iter().enumerate().skip(at + 1) {
        match op {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => depth += 1,
            Operator::Else if depth == 0 => otherwise = Some(position),
            Operator::End if depth == 0 => return (otherwise, position),
            Operator::End => depth -= 1,
            _ => {}
        }
    }
    unreachable!("the fixture is valid")
}

/// Makes programs up that end.
struct Author(u64);

impl Author {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) % below
    }

    /// Statements within `depth` open blocks, in function `function` of those that may be called.
    fn statements(&mut self, depth: u64, function: u64) -> String {
        (0..=self.next(4)).map(|_| self.statement(depth, function)).collect()
    }

    fn statement(&mut self, depth: u64, function: u64) -> String {
        let value = self.next(5);
        match self.next(if depth < 5 { 12 } else { 7 }) {
            0 => format!("(local.set 0 (i32.add (local.get 0) (i32.const {value})))\n"),
            1 => "nop\n".to_owned(),
            2 => format!("(drop (i32.sub (i32.const {value}) (global.get 0)))\n"),
            3 => {
                let target = self.next(depth + 1);
                format!("(br_if {target} (i32.and (local.get 0) (i32.const {value})))\n")
            }
            4 if function < 3 => format!("call {}\n", function + 1),
            4 | 5 => "(global.set 0 (i32.add (global.get 0) (i32.const 1)))\n".to_owned(),
            6 => match self.next(3) {
                0 => "return\n".to_owned(),
                1 => format!("br {}\n", self.next(depth + 1)),
                _ => "(if (local.get 0) (then return))\n".to_owned(),
            },
            7 | 8 => format!("(block\n{})\n", self.statements(depth + 1, function)),
            9 => {
                let then = self.statements(depth + 1, function);
                format!("(if (i32.and (local.get 0) (i32.const {value})) (then\n{then}))\n")
            }
            10 => {
                let then = self.statements(depth + 1, function);
                let otherwise = self.statements(depth + 1, function);
                format!("(if (global.get 0) (then\n{then}) (else\n{otherwise}))\n")
            }
            _ => {
                let body = self.loop_body();
                format!("(loop\n{body})\n")
            }
        }
    }

    /// Repeats until the local's remainder is 3.
    fn loop_body(&mut self) -> String {
        // Odd steps reach every remainder.
        let step = 1 + 2 * self.next(2);
        let body = if self.next(2) == 0 { "(if (local.get 0) (then nop))" } else { "nop" };
        format!(
            "(local.set 0 (i32.add (local.get 0) (i32.const {step})))
             {body}
             (br_if 0 (i32.sub (i32.const 3) (i32.and (local.get 0) (i32.const 3))))"
        )
    }

    /// A module of four functions, of which each calls only later ones.
    fn module(&mut self) -> String {
        let functions: String = (0..4)
            .map(|function| {
                let export = if function == 0 { "(export \"f\")" } else { "" };
                format!("(func {export} (local i32)\n{})\n", self.statements(0, function))
            })
            .collect();
        format!("(module (global (mut i32) (i32.const 0))\n{functions})")
    }
}

#[test]
fn an_independent_count_agrees_on_made_up_programs() {
    let mut total = 0;
    for seed in 1..150 {
        let text = Author(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed)).module();
        let original = wat(&text);
        let mut counter = Counter::new(&original);
        if counter.bodies.iter().any(|body| body.len() > SMALL) {
            continue;
        }
        counter.call(0);
        let module = prepare(&original, &igor_core::Limits::default()).unwrap();
        for engine in ENGINES {
            let compiled = Compiled::new(engine, module.bytes());
            let outcome = compiled.call(Bounds::default(), "f", &[]);
            assert_eq!(outcome.result, Ok(vec![]), "{engine:?} seed {seed}\n{text}");
            assert_eq!(outcome.gas, counter.gas, "{engine:?} seed {seed}\n{text}");
        }
        total += counter.gas;
    }
    assert!(total > 4_000, "the programs do too little: {total}");
}
