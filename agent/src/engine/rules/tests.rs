//! Owns the cases of engines that are taken and refused by what the agent knows of them.
//! Must not know how an engine is started.

use super::*;

/// A plan with these lines in `[engine]`; the sentence it is refused with must hold the words.
fn check(engine: &str, expect: Result<(), &str>) {
    let plan = Plan::from_toml(&format!(
        "schema = 1\nname = \"x\"\n[workload]\ninput_tokens = 8\noutput_tokens = 4\n[load]\nconcurrency = [1]\n\
         requests = 9\n[engine]\n{engine}\n"
    ));
    match (super::check(&plan.unwrap()), expect) {
        (Ok(()), Ok(())) => {}
        (Err(error), Err(words)) => {
            let sentence = error.to_string();
            assert!(sentence.contains(words), "{sentence} lacks {words}");
        }
        (got, expect) => panic!("{engine}: {got:?}, not {expect:?}"),
    }
}

const NATIVE: &str = "kind = \"vllm\"\nlaunch = \"native\"\nmodel = \"m\"\n";
const DOCKER: &str = "kind = \"tgi\"\nlaunch = \"docker\"\nmodel = \"m\"\nimage = \"tgi:3.3.5\"\n";
const BY_URL: &str = "kind = \"vllm\"\nurl = \"http://box:8000\"\n";

#[test]
fn what_belongs_to_another_way_is_refused() {
    check("kind = \"vllm\"\nlaunch = \"docker\"\nmodel = \"m\"", Err("engine.image in the plan is missing"));
    check(&format!("{NATIVE}venv = \"/opt/venv\""), Ok(()));
    check(&format!("{NATIVE}command = [\"python3\", \"-m\", \"x\"]"), Ok(()));
    check(&format!("{NATIVE}command = [\"x\"]\nvenv = \"/opt/venv\""), Err("remove one"));
    check(&format!("{NATIVE}image = \"x:1\""), Err("engine.image in the plan needs launch = \"docker\""));
    check(&format!("{DOCKER}venv = \"/opt/venv\""), Err("engine.venv in the plan needs launch = \"native\""));
    check(&format!("{DOCKER}gpu = \"L4\""), Err("engine.gpu in the plan is for a server that runs already"));
    check(&format!("{BY_URL}gpu = \"L4\"\ngpus = 2"), Ok(()));
    check(&format!("{BY_URL}extra_args = [\"--x\"]"), Err("engine.extra_args in the plan needs an engine that"));
    check(&format!("{BY_URL}port = 8000"), Err("engine.port"));
    check(&format!("{NATIVE}port = 0"), Err("a free one"));
    check(&DOCKER.replace("\"m\"", "\"./m\""), Err("must be an id or an absolute path"));
    check(&format!("{DOCKER}model_cache = \"hf\""), Err("engine.model_cache in the plan must be an absolute path"));
    check(&format!("{NATIVE}ready_limit_s = 0.0"), Err("86,400"));
}

#[test]
fn nothing_in_a_plan_is_taken_for_a_flag_or_shows_a_secret() {
    check(&NATIVE.replace("\"m\"", "\"--privileged\""), Err("engine.model in the plan must have"));
    check(&DOCKER.replace("\"tgi:3.3.5\"", "\"-v/:/host\""), Err("engine.image in the plan must have"));
    check(&format!("{NATIVE}extra_args = [\"--enforce-eager\", \"--load-format=dummy\"]"), Ok(()));
    check(&format!("{NATIVE}extra_args = [\"--api-key\", \"s3cret\"]"), Err("has --api-key, which would show"));
    check(&format!("{NATIVE}extra_args = [\"--hf-token=s3cret\"]"), Err("has --hf-token, which would show"));
    check(&format!("{NATIVE}pass_env = [\"VLLM_USE_FLASHINFER_SAMPLER\"]"), Ok(()));
    check(&format!("{NATIVE}pass_env = [\"hf_aBcDeF\"]"), Err("must be the NAME"));
    check(&format!("{BY_URL}api_key = \"BOX_KEY\"\nheaders = {{ x-tenant = \"TENANT\" }}"), Ok(()));
    check(&format!("{BY_URL}api_key = \"sk-123\""), Err("engine.api_key in the plan must be the NAME"));
    check(&format!("{BY_URL}headers = {{ \"x y\" = \"TENANT\" }}"), Err("no header can have"));
    check(&format!("{NATIVE}api_key = \"BOX_KEY\""), Err("is for a server that runs already"));
}

#[test]
fn parameters_are_those_of_the_engine() {
    check(&format!("{NATIVE}params = {{ max_num_seqs = 4 }}"), Ok(()));
    check(&format!("{NATIVE}params = {{ max_num_seq = 4 }}"), Err("is no parameter of vLLM; those are dtype,"));
    check(&format!("{NATIVE}params = {{ max_num_seqs = 0 }}"), Err("must be a whole number from 1 to"));
    let sglang = NATIVE.replace("vllm", "sglang");
    check(
        &format!("{sglang}vary = {{ dtype = [\"float16\", \"int3\"] }}"),
        Err("engine.vary in the plan has \"dtype\" = int3"),
    );
    check(&format!("{DOCKER}served_name = \"x\""), Err("cannot give its model another name"));
    check("kind = \"builtin\"\nmodel = \"own\"", Ok(()));
    check(
        "kind = \"builtin\"\nvary = { batch = [1, 65] }",
        Err("has \"batch\" = 65, which must be a whole number from 1"),
    );
    check("kind = \"builtin\"\nparams = { batches = 1 }", Err("those are preset, kv_cache, batch"));
}
