//! Owns the figures of a file that holds one measurement, for who compares them and stores no run.
//! Must not know any format.

use super::format;
use shared::summary::Summary;

/// The figures that a result file of another tool says, by that tool's own definitions.
///
/// # Errors
/// A sentence: what the file is not, or what is wrong with it, or that it holds several measurements.
pub fn figures(bytes: &[u8]) -> Result<Summary, String> {
    match <[_; 1]>::try_from(format::read(bytes, "")?) {
        Ok([trial]) => Ok(trial.summary),
        Err(trials) => Err(format!("It holds {} measurements, where one is wanted.", trials.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_measurement_is_read_and_anything_else_refused() {
        let result = |completed: u32| {
            format!(
                r#"{{"completed": {completed}, "duration": 2.0, "request_throughput": 1.5, "model_id": "m",
                "num_prompts": 3, "max_concurrency": 1, "mean_ttft_ms": 20.5}}"#
            )
        };
        let one = figures(result(3).as_bytes()).unwrap();
        assert_eq!((one.ok, one.ttft.mean_ms, one.request_throughput), (3, Some(20.5), Some(1.5)));
        let two = figures(format!("[{}, {}]", result(3), result(2)).as_bytes()).unwrap_err();
        assert_eq!(two, "It holds 2 measurements, where one is wanted.");
        assert!(figures(b"{}").unwrap_err().contains("no result that is known here"));
    }
}
