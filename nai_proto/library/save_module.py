"""Store a trained module with the account's objects; `Library` has this flow as a method.

See docs/protocol/content.md#45-presets-and-aimodules.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from ..codecs.keystore import Keystore
from ..codecs.sealed_objects import OpenedObject, new_object, open_objects
from ..exchange.actions import Emit, Steps, compute, get_context
from ..exchange.flow import flow
from ..modules import TrainedModule
from ..objects import list_objects
from ..secret import EncryptionKey
from .save_keystore import KeystoreReplacement, save_keys
from .save_objects import ObjectChange, SavedObject, SaveOutcome, save_object

__all__ = ["save_module"]

_MODULES: Final = "aimodules"


@flow
def save_module(
    module: TrainedModule, prefix: str, key: EncryptionKey
) -> Steps[KeystoreReplacement | SavedObject, OpenedObject]:
    """Store a module, or return it as it is stored already; see `Library.save_module`.

    Args:
        module: gives name, description, model and id.
        prefix: of the module.
        key: the account's encryption key.
    """
    context = yield from get_context()
    keys = (yield from save_keys({}, key)).keystore
    listed = yield from list_objects(_MODULES)
    opened = yield from compute(partial(open_objects, listed, keys, context.limits))
    present = next((item for item in opened if item.ok and item.json().get("id") == prefix), None)
    if present is not None:
        yield Emit([SavedObject(present, SaveOutcome.UNCHANGED)])
        return present
    content = {
        "id": prefix,
        "name": module.name,
        "description": module.description,
        "model": module.model,
        "remoteId": module.id,
    }
    meta, new = Keystore().create_key(context.entropy)
    yield from save_keys(new, key)
    return (yield from save_object(ObjectChange(new_object(_MODULES, meta, content, new)), new))
