"""Store a trained module with the account's objects; `Library` has this flow as a method.

See docs/protocol/content.md#45-presets-and-aimodules.
"""

from __future__ import annotations

from ..codecs.keystore import Keystore
from ..codecs.sealed_objects import OpenedObject, new_object
from ..exchange.actions import Steps, get_context
from ..exchange.flow import flow
from ..modules import TrainedModule
from ..secret import EncryptionKey
from .save_keystore import KeystoreReplacement, save_keys
from .save_objects import ObjectChange, SavedObject, save_object

__all__ = ["save_module"]


@flow
def save_module(
    module: TrainedModule, prefix: str, key: EncryptionKey
) -> Steps[KeystoreReplacement | SavedObject, OpenedObject]:
    """Store a module; see `Library.save_module`.

    Args:
        module: gives name, description, model and id.
        prefix: of the module.
        key: the account's encryption key.
    """
    content = {
        "id": prefix,
        "name": module.name,
        "description": module.description,
        "model": module.model,
        "remoteId": module.id,
    }
    meta, keys = Keystore().create_key((yield from get_context()).entropy)
    yield from save_keys(keys, key)
    return (yield from save_object(ObjectChange(new_object("aimodules", meta, content, keys)), keys))
