//! The marks on copies in the vault, call by call.

use aws_sdk_rds::operation::add_tags_to_resource::AddTagsToResourceOutput;
use aws_sdk_rds::operation::remove_tags_from_resource::RemoveTagsFromResourceOutput;
use aws_smithy_mocks::{mock, mock_client};
use lamplighter::model::Arn;
use lamplighter::ports::StoredCopies;
use lamplighter_aws::CopyStore;

use crate::responses::now;

const COPY: &str = "arn:aws:rds:eu-west-1:345678901234:snapshot:lamplighter-orders";
const MARK: &str = "lamplighter:expired";

#[tokio::test]
async fn a_mark_is_set_with_its_time_and_taken_away_alone() {
    let set = mock!(aws_sdk_rds::Client::add_tags_to_resource)
        .match_requests(|r| {
            let [mark] = r.tags() else { return false };
            r.resource_name() == Some(COPY)
                && mark.key() == Some(MARK)
                && mark.value() == Some(now().to_string().as_str())
        })
        .then_output(|| AddTagsToResourceOutput::builder().build());
    let cleared = mock!(aws_sdk_rds::Client::remove_tags_from_resource)
        .match_requests(|r| r.resource_name() == Some(COPY) && r.tag_keys() == [MARK])
        .then_output(|| RemoveTagsFromResourceOutput::builder().build());
    let store = CopyStore::from_client(mock_client!(aws_sdk_rds, [&set, &cleared]));
    let copy = Arn::new(COPY);
    store.mark_expired(&copy, now()).await.unwrap();
    store.clear_mark(&copy).await.unwrap();
    assert_eq!((set.num_calls(), cleared.num_calls()), (1, 1));
}
