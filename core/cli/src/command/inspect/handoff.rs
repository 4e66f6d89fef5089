//! What the files about handoffs hold: a certificate under which an agent passed to another node, and a custody, a
//! node's own note of where an agent is. Whether a certificate fits the agent's life is for `igor verify` to say.

use igor_core::format::{Inheritance, InheritanceTerms, Offer, OfferTerms, PublicKey, Verdict};
use igor_core::handoff::{Custody, Holding, VerifiedOffer};
use serde::Serialize;

use super::{DAMAGED, EpochBody};
use crate::args::InspectArgs;
use crate::exit::Exit;
use crate::output::Output;
use crate::problem::Problem;
use crate::text;

const CHANGED: &str = "The certificate was changed after it was signed and proves nothing.";

#[derive(Serialize)]
struct CertificateBody {
    kind: &'static str,
    file: String,
    form: &'static str,
    hash: Option<String>,
    transfer: Option<String>,
    public_key: String,
    did: String,
    epoch: EpochBody,
    tick: u64,
    budget: i64,
    checkpoint: String,
    wasm_hash: String,
    manifest_hash: String,
    record: Option<String>,
    source: String,
    target: String,
    signed_by: [&'static str; 2],
    signature: &'static str,
}

impl CertificateBody {
    fn of_offer(file: String, offer: &Offer) -> Self {
        let OfferTerms { agent, epoch, source, target, .. } = *offer.terms();
        let terms = offer.terms();
        Self {
            kind: "certificate",
            file,
            form: "offer",
            hash: Some(offer.hash().to_string()),
            transfer: Some(terms.transfer.to_string()),
            public_key: agent.to_string(),
            did: agent.did().to_string(),
            epoch: EpochBody { major: epoch.major, generation: epoch.generation },
            tick: terms.tick.0,
            budget: terms.budget.get(),
            checkpoint: terms.checkpoint.to_string(),
            wasm_hash: terms.module.to_string(),
            manifest_hash: terms.manifest.to_string(),
            record: Some(terms.record.to_string()),
            source: source.to_string(),
            target: target.to_string(),
            signed_by: ["agent", "source"],
            signature: validity(offer.verify().is_ok()),
        }
    }

    fn of_inheritance(file: String, inheritance: &Inheritance) -> Self {
        let terms = inheritance.terms();
        let InheritanceTerms { agent, epoch, source, target, .. } = *terms;
        Self {
            kind: "certificate",
            file,
            form: "inheritance",
            hash: None,
            transfer: None,
            public_key: agent.to_string(),
            did: agent.did().to_string(),
            epoch: EpochBody { major: epoch.major, generation: epoch.generation },
            tick: terms.tick.0,
            budget: terms.budget.get(),
            checkpoint: terms.checkpoint.to_string(),
            wasm_hash: terms.module.to_string(),
            manifest_hash: terms.manifest.to_string(),
            record: None,
            source: source.to_string(),
            target: target.to_string(),
            signed_by: ["agent", "target"],
            signature: validity(inheritance.verify().is_ok()),
        }
    }

    fn text(&self) -> String {
        let [one, other] = self.signed_by;
        let mut rows = vec![
            ("Certificate", self.form.to_owned()),
            ("DID", self.did.clone()),
            ("Public key", self.public_key.clone()),
            ("Epoch", format!("{}.{}", self.epoch.major, self.epoch.generation)),
            ("Tick", self.tick.to_string()),
            ("Budget", format!("{} microcents", self.budget)),
            ("From", self.source.clone()),
            ("To", self.target.clone()),
            ("Checkpoint", self.checkpoint.clone()),
            ("Wasm hash", self.wasm_hash.clone()),
            ("Manifest", self.manifest_hash.clone()),
        ];
        rows.extend(self.record.clone().map(|record| ("Agent record", record)));
        rows.extend(self.transfer.clone().map(|transfer| ("Transfer", transfer)));
        rows.extend(self.hash.clone().map(|hash| ("Hash", hash)));
        let signature = self.signature.to_uppercase();
        rows.push(("Signatures", format!("{signature}, of {one} and {other}")));
        text::fields(&rows)
    }
}

fn validity(is_valid: bool) -> &'static str {
    if is_valid { "valid" } else { "invalid" }
}

/// Shows an offer that became a certificate.
pub(super) fn offer(args: &InspectArgs, bytes: &[u8], output: &Output) -> Result<Exit, Problem> {
    let file = args.file.display().to_string();
    let offer = Offer::decode(bytes)
        .map_err(|error| Problem::new(format_args!("inspect {file}: {error}"), DAMAGED))?;
    certificate(CertificateBody::of_offer(file, &offer), output)
}

/// Shows how an agent came from a node of the original.
pub(super) fn inheritance(
    args: &InspectArgs,
    bytes: &[u8],
    output: &Output,
) -> Result<Exit, Problem> {
    let file = args.file.display().to_string();
    let inheritance = Inheritance::decode(bytes)
        .map_err(|error| Problem::new(format_args!("inspect {file}: {error}"), DAMAGED))?;
    certificate(CertificateBody::of_inheritance(file, &inheritance), output)
}

fn certificate(body: CertificateBody, output: &Output) -> Result<Exit, Problem> {
    output.document("inspect", &body, || body.text())?;
    if body.signature == "valid" {
        return Ok(Exit::Done);
    }
    Err(Problem::new(format_args!("inspect {}: a signature is invalid", body.file), CHANGED))
}

#[derive(Serialize)]
struct CustodyBody {
    kind: &'static str,
    file: String,
    public_key: String,
    did: String,
    state: &'static str,
    shown_as: Option<&'static str>,
    decided: u64,
    held: Option<u64>,
    seen: Option<u64>,
    offer: Option<OfferBody>,
    answer: Option<&'static str>,
    place: Option<String>,
    taken: Vec<TakenBody>,
}

#[derive(Serialize)]
struct OfferBody {
    hash: String,
    epoch: u64,
    tick: u64,
    target: String,
}

#[derive(Serialize)]
struct TakenBody {
    epoch: u64,
    offer: String,
}

impl CustodyBody {
    fn new(file: String, agent: PublicKey, custody: &Custody) -> Self {
        let offered = |offer: &VerifiedOffer| OfferBody {
            hash: offer.offer().hash().to_string(),
            epoch: offer.epoch(),
            tick: offer.terms().tick.0,
            target: offer.terms().target.to_string(),
        };
        let (state, held, seen, offer, answer) = match &custody.holding {
            Holding::Absent => ("absent", None, None, None, None),
            Holding::Held(epoch) => ("held", Some(*epoch), None, None, None),
            Holding::Offered { held, offer } => {
                ("offered", Some(*held), None, Some(offered(offer)), None)
            }
            Holding::Released { offer, answer } => {
                let answer = answer.map(|answer| match answer.verdict {
                    Verdict::Accepted => "accepted",
                    Verdict::Refused => "refused",
                });
                ("released", None, None, Some(offered(offer)), answer)
            }
            Holding::Contested { held, seen } => {
                ("contested", Some(*held), Some(*seen), None, None)
            }
        };
        let taken = custody.taken.iter();
        Self {
            kind: "custody",
            file,
            public_key: agent.to_string(),
            did: agent.did().to_string(),
            state,
            shown_as: custody.holding.name(),
            decided: custody.decided,
            held,
            seen,
            offer,
            answer,
            place: Some(custody.place.clone()).filter(|place| !place.is_empty()),
            taken: taken
                .map(|(epoch, offer)| TakenBody { epoch: *epoch, offer: offer.to_string() })
                .collect(),
        }
    }

    fn text(&self) -> String {
        let shown = self.shown_as.map_or(String::new(), |name| format!(", {name}"));
        let mut rows = vec![
            ("Custody", format!("{}{shown}", self.state)),
            ("DID", self.did.clone()),
            ("Public key", self.public_key.clone()),
            ("Decided", format!("up to epoch {}", self.decided)),
        ];
        rows.extend(self.held.map(|epoch| ("Held", format!("in epoch {epoch}"))));
        rows.extend(self.seen.map(|epoch| ("Seen", format!("elsewhere in epoch {epoch}"))));
        if let Some(OfferBody { hash, epoch, tick, target }) = &self.offer {
            rows.push(("Offer", hash.clone()));
            rows.push(("", format!("of epoch {epoch} at tick {tick} to {target}")));
        }
        rows.extend(self.answer.map(|answer| ("Answer", answer.to_owned())));
        rows.extend(self.place.as_deref().map(|place| ("Place", text::one_line(place))));
        for TakenBody { epoch, offer } in &self.taken {
            rows.push(("Taken", format!("in epoch {epoch} under {offer}")));
        }
        text::fields(&rows)
    }
}

/// Shows a custody. Reading it checks it, the signatures of offer and answer included.
pub(super) fn custody(args: &InspectArgs, bytes: &[u8], output: &Output) -> Result<Exit, Problem> {
    let file = args.file.display().to_string();
    let (agent, custody) = Custody::decode(bytes)
        .map_err(|error| Problem::new(format_args!("inspect {file}: {error}"), DAMAGED))?;
    let body = CustodyBody::new(file, agent, &custody);
    output.document("inspect", &body, || body.text())?;
    Ok(Exit::Done)
}
