"""Django Channels with channels_redis' pub/sub layer, as its documentation teaches it; REDIS_URL names the Redis."""

import os
from typing import Any

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import path

settings.configure(
    ROOT_URLCONF=(),
    SECRET_KEY="benchmark",
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")]},
        }
    },
)
django.setup()


class Fan(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    async def connect(self) -> None:
        await self.channel_layer.group_add("fan", self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard("fan", self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.channel_layer.group_send("fan", {"type": "said", "data": bytes_data})

    async def said(self, event: dict[str, Any]) -> None:
        await self.send(bytes_data=event["data"])


app = ProtocolTypeRouter({"http": get_asgi_application(), "websocket": URLRouter([path("channel", Fan.as_asgi())])})
