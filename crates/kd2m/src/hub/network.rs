//! The network, which the feature `download` brings.

use std::time::Duration;

use ureq::Agent;

use super::http::{Reply, Transport, host};

const CONNECT: Duration = Duration::from_secs(15);
const SILENCE: Duration = Duration::from_secs(60);

/// Plain and encrypted connections.
pub struct Network;

impl Transport for Network {
    fn get(&self, url: &str, headers: &[(&str, String)]) -> Result<Reply, String> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE));
        if ["127.0.0.1", "localhost", "[::1]"].iter().any(|own| host(url).starts_with(own)) {
            // This machine is reached without a proxy.
            config = config.proxy(None);
        }
        let mut request = Agent::from(config.build()).get(url);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let response = request.call().map_err(|error| error.to_string())?;
        let text = |value: &ureq::http::HeaderValue| value.to_str().ok().map(str::to_owned);
        let headers = response.headers().iter().filter_map(|(name, value)| Some((name.to_string(), text(value)?)));
        Ok(Reply {
            status: response.status().as_u16(),
            headers: headers.collect(),
            body: Box::new(response.into_body().into_with_config().limit(u64::MAX).reader()),
        })
    }
}
