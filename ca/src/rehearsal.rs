//! Whether a certificate would be made now, found out before something is done for it that nobody takes back.

use crate::api::IssueRequest;
use crate::authority::Authority;
use crate::error::Error;
use crate::issuance;
use crate::order::Order;

impl Authority {
    /// Refuses a request as issuing would refuse it now, and makes nothing of it. That its key was certified before is not looked at.
    pub(crate) async fn rehearse(&self, request: &IssueRequest, client: &str) -> Result<(), Error> {
        let mut order = Order::parse(request, client, &self.desk().profiles)?;
        let issuer = self.signing(&order.issuer)?;
        order.issuer = issuer.id().clone();
        self.demand_present(order.names.user_id.as_deref()).await?;
        self.demand_registered(order.names.system_id.as_deref()).await?;
        issuance::rehearse(self.desk(), &issuer.identity, issuer.key()?, order).await
    }
}
