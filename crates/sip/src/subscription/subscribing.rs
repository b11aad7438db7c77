//! SUBSCRIBE carried out: subscriptions are made, lengthened and ended (RFC 6665 §4.2.1).

use model::{PhoneId, Timestamp};

use super::asked::Asked;
use super::entry::{End, Subscription, Told};
use super::package::Watch;
use super::{SubscribeRefusal, Subscriber, SubscriptionId, Subscriptions};
use crate::dialog::{Dialog, RemoteTag, Sequence};
use crate::header::HeaderName;
use crate::message::{Request, Response, StatusCode};
use crate::uri::Uri;

impl Subscriptions {
    /// Carries out a SUBSCRIBE: makes, lengthens or ends a subscription. `may` judges whether the
    /// sender may watch what it wants to. Gives the response; the NOTIFY that must follow it is
    /// owed then.
    ///
    /// # Errors
    /// Why nothing of it was carried out.
    pub fn subscribe(
        &mut self,
        request: &Request,
        subscriber: &Subscriber<'_>,
        may: impl FnOnce(&Watch) -> Result<(), SubscribeRefusal>,
        now: Timestamp,
    ) -> Result<Response, SubscribeRefusal> {
        let to = request.to().map_err(|_| SubscribeRefusal::Malformed("to cannot be read"))?;
        let asked = Asked::of(request, &self.settings)?;
        let lasts = asked.lasts;
        let tag = match to.tag() {
            Some(_) => self.refresh(request, subscriber, &asked, now)?,
            None => {
                let target = request.uri.user_name().ok_or(SubscribeRefusal::NoSuchTarget)?;
                let target = PhoneId::from(target.as_str());
                let watch = Watch { package: asked.package, target };
                may(&watch)?;
                self.begin(request, subscriber, (watch, asked), now)?
            }
        };
        let mut response = request.response(StatusCode::OK);
        response.headers.set(HeaderName::To, &to.with_tag(&tag));
        response.headers.copy(&HeaderName::RecordRoute, &request.headers);
        response.headers.push(HeaderName::Contact, subscriber.contact);
        response.headers.push(HeaderName::Expires, lasts.as_secs().to_string());
        Ok(response)
    }

    /// Begins a subscription; gives our tag.
    fn begin(
        &mut self,
        request: &Request,
        subscriber: &Subscriber<'_>,
        (watch, asked): (Watch, Asked),
        now: Timestamp,
    ) -> Result<String, SubscribeRefusal> {
        let malformed = |_| SubscribeRefusal::Malformed("contact or route cannot be read");
        let tag = self.tokens.tag();
        let dialog = Dialog::of_request(request, &tag, subscriber.flow).map_err(malformed)?;
        let contact = request.contact().map_err(malformed)?.map(|contact| contact.uri);
        let contact = contact.ok_or(SubscribeRefusal::Malformed("contact is missing"))?;
        self.make_room(subscriber.phone, &watch, &contact)?;
        self.last += 1;
        let id = SubscriptionId(self.last);
        let subscription = Subscription {
            phone: subscriber.phone.clone(),
            contact,
            event_id: asked.event_id,
            refreshed: now,
            until: now + asked.lasts,
            version: 0,
            told: Told::Stale,
            free_at: now,
            ending: asked.lasts.is_zero().then_some(End::Timeout),
            due: None,
            watch,
            dialog,
        };
        self.dialogs.insert(subscription.key(), id);
        self.watchers.entry(subscription.watch.clone()).or_default().insert(id);
        self.phones.entry(subscription.phone.clone()).or_default().insert(id);
        self.all.insert(id, subscription);
        self.rearm(id);
        Ok(tag)
    }

    /// A phone that was switched off has forgotten its subscriptions, and we have not: where it has
    /// as many as it may, an old one of the same device for the same gives way.
    fn make_room(
        &mut self,
        phone: &PhoneId,
        watch: &Watch,
        contact: &Uri,
    ) -> Result<(), SubscribeRefusal> {
        let own = self.phones.get(phone).into_iter().flatten();
        let own: Vec<_> = own.filter_map(|id| Some((*id, self.all.get(id)?))).collect();
        if own.len() >= self.settings.per_phone {
            let forgotten = own.iter().filter(|(_, it)| it.watch == *watch);
            let forgotten = forgotten.filter(|(_, it)| it.contact.is_equivalent(contact));
            let oldest = forgotten.min_by_key(|(id, it)| (it.refreshed, *id)).map(|(id, _)| *id);
            self.forget(oldest.ok_or(SubscribeRefusal::TooMany)?);
        }
        if self.all.len() >= self.settings.total {
            return Err(SubscribeRefusal::Full);
        }
        Ok(())
    }

    /// Lengthens or ends a subscription; gives our tag.
    fn refresh(
        &mut self,
        request: &Request,
        subscriber: &Subscriber<'_>,
        asked: &Asked,
        now: Timestamp,
    ) -> Result<String, SubscribeRefusal> {
        const UNKNOWN: SubscribeRefusal = SubscribeRefusal::NoSuchSubscription;
        let unreadable = |_| SubscribeRefusal::Malformed("request cannot be read");
        let (from, to) = (request.from().map_err(unreadable)?, request.to().map_err(unreadable)?);
        let tag = to.tag().unwrap_or_default().to_owned();
        let call_id = request.call_id().map_err(unreadable)?.to_owned();
        let id = *self.dialogs.get(&(call_id, tag.clone())).ok_or(UNKNOWN)?;
        let subscription = self.all.get_mut(&id).ok_or(UNKNOWN)?;
        let is_it = subscription.dialog.remote_tag() == RemoteTag::of(&from)
            && subscription.phone == *subscriber.phone
            && subscription.watch.package == asked.package
            && subscription.event_id == asked.event_id
            && subscription.ending.is_none();
        if !is_it {
            return Err(UNKNOWN);
        }
        let contact = request.contact().map_err(unreadable)?;
        let cseq = request.cseq().map_err(unreadable)?.number;
        // Wherever it is now: it has proven itself.
        let way = subscription.dialog.known_way();
        if subscription.dialog.sequence(cseq, way) != Sequence::InOrder {
            return Err(SubscribeRefusal::OutOfOrder);
        }
        subscription.dialog.follow(cseq, way);
        if let Some(contact) = &contact {
            subscription.contact = contact.uri.clone();
        }
        subscription.dialog.refresh(contact);
        subscription.dialog.move_to(subscriber.flow);
        subscription.refreshed = now;
        subscription.until = now + asked.lasts;
        subscription.free_at = now;
        subscription.has_news();
        if asked.lasts.is_zero() {
            subscription.ends(End::Timeout);
        }
        self.rearm(id);
        Ok(tag)
    }
}
