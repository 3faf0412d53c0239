//! Owns the tests of the routes of prices: who reads and changes them, and what is refused.
//! Must not know where prices are kept.

use crate::support::{Server, answer, sentence};
use serde_json::json;

#[tokio::test]
async fn an_operator_gives_a_price_in_place_of_the_tables_and_takes_it_back() {
    let server = Server::start().await;
    let read = async || answer(server.anonymous("GET", "/api/v1/prices").bearer_auth(&server.viewer)).await.1;
    let shipped = read().await;
    let l4 = &shipped[0];
    assert_eq!((&l4["usd_per_gpu_hour"], &l4["origin"]["table"]["gpu"]), (&json!(2.93), &json!("L4")));
    let given = json!({ "usd_per_gpu_hour": 0.71, "source": "our contract" });
    let (status, price) = answer(server.ask("PUT", "/api/v1/prices/L4").json(&given)).await;
    assert_eq!((status, &price["origin"]["edited"]["source"]), (200, &json!("our contract")), "{price}");
    let (status, _) =
        answer(server.ask("PUT", "/api/v1/prices/A100%2080GB").json(&json!({ "usd_per_gpu_hour": 2 }))).await;
    assert_eq!(status, 200);
    let now = read().await;
    assert_eq!(now.as_array().unwrap().len(), 2, "{now}");
    assert_eq!((&now[0], &now[1]["origin"]["edited"]["gpu"]), (&price, &json!("A100 80GB")));
    let (status, _) = answer(server.ask("DELETE", "/api/v1/prices/L4")).await;
    assert_eq!(status, 204);
    let (status, body) = answer(server.ask("DELETE", "/api/v1/prices/L4")).await;
    assert_eq!((status, sentence(&body).contains("Nobody gave")), (404, true), "{body}");
    assert!(read().await.as_array().unwrap().contains(l4));
}

#[tokio::test]
async fn a_viewer_changes_no_price_a_guest_sees_none_and_what_cannot_be_one_is_refused() {
    let server = Server::start().await;
    let given = json!({ "usd_per_gpu_hour": 1.0 });
    for method in ["PUT", "DELETE"] {
        let request = server.anonymous(method, "/api/v1/prices/L4").bearer_auth(&server.viewer).json(&given);
        assert_eq!(answer(request).await.0, 403, "{method}");
    }
    let refused = [
        ("L4", json!({ "usd_per_gpu_hour": 0 }), "above 0"),
        ("L4", json!({ "usd_per_gpu_hour": "two" }), "could not be read"),
        ("L4", json!({ "usd": 1 }), "could not be read"),
        ("-", given, "names no GPU"),
    ];
    for (gpu, body, words) in refused {
        let (status, said) = answer(server.ask("PUT", &format!("/api/v1/prices/{gpu}")).json(&body)).await;
        assert_eq!((status, sentence(&said).contains(words)), (422, true), "{said}");
    }
}
